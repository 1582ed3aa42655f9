# The page and notifications: off unless asked for, and private when they are on.

mock_provider "google" {}

variables {
  project = "sample-project"
  region  = "asia-northeast1"
  mirrors = {
    docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = "sample" } }
  }
}

run "neither_is_there_by_itself" {
  assert {
    condition     = length(setintersection(keys(google_cloudfunctions2_function.function), ["console", "notify"])) == 0 && length(google_cloud_run_v2_service_iam_member.visitor) == 0 && length(google_project_iam_member.log) == 0
    error_message = "Somebody has a page who did not ask for one."
  }
  assert {
    condition     = !contains(keys(google_pubsub_subscription.push), "outcomes")
    error_message = "Nobody would hear what is pushed."
  }
}

run "behind_iap_nobody_else_may_invoke_the_page" {
  variables {
    console = { keys_secret = "page-keys", operators = ["ada@example.com"], viewers = ["@example.com"] }
  }

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.visitor) == 1 && alltrue([for v in google_cloud_run_v2_service_iam_member.visitor : endswith(v.member, "@gcp-sa-iap.iam.gserviceaccount.com")])
    error_message = "Whoever passes IAP by could send an assertion of another application."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["console"].service_config[0].environment_variables["TRANSSHIP_CONSOLE_AUTH"] == "iap" && startswith(google_cloudfunctions2_function.function["console"].service_config[0].environment_variables["TRANSSHIP_CONSOLE_AUDIENCE"], "/projects/")
    error_message = "The page does not know whose word to take."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["console"].service_config[0].environment_variables["TRANSSHIP_CONSOLE_VIEWERS"] == "@example.com"
    error_message = "The page knows nobody."
  }
}

run "behind_iam_each_person_may_invoke_it" {
  variables {
    console = { auth = "iam", keys_secret = "page-keys", operators = ["ada@example.com"], viewers = ["@example.org"] }
    targets = { team-a-project = { regions = ["asia-northeast1"] } }
  }

  assert {
    condition     = toset([for v in google_cloud_run_v2_service_iam_member.visitor : v.member]) == toset(["domain:example.org", "user:ada@example.com"])
    error_message = "Those who are on a list cannot come in, or others can."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.page[0].member == google_service_account.function["console"].member && keys(google_project_iam_member.reader) == ["team-a-project"]
    error_message = "The page cannot tell whether everybody may invoke it, or reads more than the targets."
  }
}

run "a_person_is_an_address_or_a_domain" {
  command = plan
  variables {
    console = { keys_secret = "page-keys", viewers = ["example.com"] }
  }
  expect_failures = [var.console]
}

run "a_door_is_one_of_two" {
  command = plan
  variables {
    console = { auth = "none", keys_secret = "page-keys" }
  }
  expect_failures = [var.console]
}

run "outcomes_are_told_by_a_function_of_its_own" {
  variables {
    notify_secret = "transship-notify"
  }

  assert {
    condition     = toset([for topic in ["outcomes", "notices"] : topic if contains(keys(google_pubsub_subscription.push), topic)]) == toset(["outcomes", "notices"]) && length(google_pubsub_subscription.push["notices"].dead_letter_policy) == 1
    error_message = "A destination that is down loses what it was to be told."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["notify"].service_config[0].secret_environment_variables[0].secret == "transship-notify"
    error_message = "The function does not know whom to tell."
  }
}
