# What transship may do in the projects into which it deploys.

mock_provider "google" {}

variables {
  project = "sample-project"
  region  = "asia-northeast1"
  mirrors = {
    docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = "sample" } }
  }
}

run "alone_it_deploys_into_its_own_project" {
  assert {
    condition     = keys(google_project_iam_member.deployer) == ["sample-project"] && length(google_cloud_run_v2_service_iam_member.deployer) == 0
    error_message = "It may deploy elsewhere, or not here."
  }
  assert {
    condition     = length(google_project_iam_custom_role.publisher) == 0
    error_message = "It may open services although no policy allows it."
  }
  assert {
    condition     = length(google_artifact_registry_repository_iam_member.cloud_run) == 0
    error_message = "In its own project Cloud Run's agent reads already."
  }
  assert {
    condition     = google_service_account_iam_member.runtime["sample-project"].service_account_id == google_service_account.runtime["sample-project"].name && length(google_service_account_iam_member.named) == 0
    error_message = "It may act as more than the role-less account."
  }
}

run "shared" {
  variables {
    targets = {
      team-a-project = { regions = ["asia-northeast1", "us-central1"] }
      team-b-project = {
        regions          = ["asia-northeast1"]
        runtime_accounts = ["web@team-b-project.iam.gserviceaccount.com"]
        services         = ["asia-northeast1/web"]
      }
    }
    readers = ["other-project"]
    policy  = { public = ["*"] }
  }

  override_data {
    target = data.google_project.reader
    values = { number = "555000111222" }
  }

  assert {
    condition     = toset(keys(google_artifact_registry_repository_iam_member.cloud_run)) == toset(["docker/other-project", "docker/team-a-project", "docker/team-b-project"])
    error_message = "A project may not pull, or one may that nobody named."
  }
  assert {
    condition     = alltrue([for m in google_artifact_registry_repository_iam_member.cloud_run : m.member == "serviceAccount:service-555000111222@serverless-robot-prod.iam.gserviceaccount.com" && m.role == "roles/artifactregistry.reader"])
    error_message = "Cloud Run's agent is named after the number of the project that deploys."
  }
  assert {
    condition     = keys(google_project_iam_member.deployer) == ["team-a-project"] && keys(google_project_iam_member.publisher) == ["team-a-project"]
    error_message = "It may create services where only some are listed."
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.deployer) == ["team-b-project/asia-northeast1/web"]
    error_message = "It may change other services than those listed."
  }
  assert {
    condition     = google_service_account_iam_member.named["web@team-b-project.iam.gserviceaccount.com"].service_account_id == "projects/team-b-project/serviceAccounts/web@team-b-project.iam.gserviceaccount.com"
    error_message = "It may not act as the account that its policy lists."
  }
  assert {
    condition = jsondecode(google_cloudfunctions2_function.function["deploy_image"].service_config[0].environment_variables["TRANSSHIP_POLICY"]).targets == [
      { project = "team-a-project", region = "asia-northeast1" },
      { project = "team-a-project", region = "us-central1" },
      { project = "team-b-project", region = "asia-northeast1" },
    ]
    error_message = "The policy and the roles disagree about the targets."
  }
  assert {
    condition     = toset(jsondecode(google_cloudfunctions2_function.function["deploy_image"].service_config[0].environment_variables["TRANSSHIP_POLICY"]).runtime_accounts) == toset(concat(["web@team-b-project.iam.gserviceaccount.com"], [for a in google_service_account.runtime : a.email]))
    error_message = "The policy and actAs disagree about the accounts."
  }
}

run "the_policy_reaches_the_functions_whole" {
  variables {
    policy = {
      breakglass   = ["demo-*"]
      caps         = { gpu = 1 }
      network_tags = ["web"]
      networks     = ["default"]
      secrets      = ["web-*"]
      volumes      = { buckets = ["assets"], nfs = ["10.0.0.2:/share"] }
    }
  }

  assert {
    condition = jsondecode(google_cloudfunctions2_function.function["deploy_image"].service_config[0].environment_variables["TRANSSHIP_POLICY"]) == jsondecode(jsonencode({
      adopt      = []
      breakglass = ["demo-*"]
      caps = {
        concurrency   = 1000
        cpu           = "2"
        gpu           = 1
        max_instances = 10
        memory        = "4Gi"
        min_instances = 1
        timeout       = "3600s"
      }
      images           = ["docker.io/**"]
      network_tags     = ["web"]
      networks         = ["default"]
      public           = []
      runtime_accounts = [for a in google_service_account.runtime : a.email]
      secrets          = ["web-*"]
      targets          = [{ project = "sample-project", region = "asia-northeast1" }]
      volumes          = { buckets = ["assets"], cloudsql_instances = [], nfs = ["10.0.0.2:/share"] }
    }))
    error_message = "The functions have another policy than the variable."
  }
}

run "the_virtual_repository_has_the_mirrors_of_its_location" {
  variables {
    mirrors = {
      docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = "sample" } }
      quay   = { upstream = "quay.io", location = "us" }
    }
    virtual_repository = "images"
  }

  assert {
    condition     = [for p in google_artifact_registry_repository.virtual[0].virtual_repository_config[0].upstream_policies : p.id] == ["docker"]
    error_message = "A virtual repository and its upstreams have one location."
  }
}

run "every_grant_goes_to_the_one_who_works_with_it" {
  variables {
    hints = "eventarc"
    targets = {
      team-a-project = { regions = ["asia-northeast1"] }
      team-b-project = {
        regions          = ["asia-northeast1"]
        runtime_accounts = ["web@team-b-project.iam.gserviceaccount.com"]
        services         = ["asia-northeast1/web"]
      }
    }
    policy         = { public = ["*"] }
    upstream       = { credentials_secret = "transship-upstream-credentials" }
    webhook_secret = "transship-webhook"
  }

  assert {
    condition     = length(distinct([for a in google_service_account.function : a.member])) == length(local.functions)
    error_message = "Two functions share an account."
  }
  assert {
    condition = alltrue([
      for m in concat(
        values(google_project_iam_member.deployer), values(google_project_iam_member.publisher),
        values(google_cloud_run_v2_service_iam_member.deployer), values(google_cloud_run_v2_service_iam_member.publisher),
        values(google_service_account_iam_member.runtime), values(google_service_account_iam_member.named),
      ) : m.member == google_service_account.function["deploy"].member
    ])
    error_message = "Somebody else may deploy, or act as what is deployed."
  }
  assert {
    condition     = alltrue([for key, m in google_artifact_registry_repository_iam_member.puller : m.member == google_service_account.function[split("/", key)[1]].member])
    error_message = "Somebody else may pull."
  }
  assert {
    condition     = alltrue([for key, m in google_project_iam_member.watcher : m.member == google_service_account.function[split("/", key)[1]].member])
    error_message = "Somebody else may list services."
  }
  assert {
    condition     = alltrue([for key, m in google_pubsub_topic_iam_member.function : m.member == google_service_account.function[local.functions[split("/", key)[0]].account].member])
    error_message = "A function's account may publish where another function has to."
  }
  assert {
    condition     = alltrue([for key, m in google_secret_manager_secret_iam_member.function : m.member == google_service_account.function[local.functions[split("/", key)[0]].account].member])
    error_message = "A function's account may read another function's secret."
  }
  assert {
    condition     = alltrue([for name, f in google_cloudfunctions2_function.function : f.service_config[0].service_account_email == google_service_account.function[local.functions[name].account].email])
    error_message = "A function runs as another's account."
  }
  assert {
    condition     = google_project_iam_member.build.member == google_service_account.build.member && alltrue([for f in google_cloudfunctions2_function.function : f.build_config[0].service_account == google_service_account.build.id])
    error_message = "Functions are built by an account that may not, or that may do more."
  }
}
