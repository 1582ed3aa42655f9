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
    condition     = keys(google_cloud_run_v2_service_iam_member.deployer) == ["team-b-project/asia-northeast1/web"] && keys(google_project_iam_member.waiter) == ["team-b-project"]
    error_message = "It may change other services than those listed, or not wait for the change."
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
