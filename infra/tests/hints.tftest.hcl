# The ways in which audit entries may arrive.

mock_provider "google" {}

variables {
  project = "sample-project"
  region  = "asia-northeast1"
  mirrors = {
    docker = { upstream = "docker.io", location = "asia", credentials = { secret = "docker-hub-token", username = "sample" } }
    quay   = { upstream = "quay.io" }
  }
}

run "a_sink_needs_no_function_of_its_own" {
  assert {
    condition     = length(google_eventarc_trigger.hints) == 0 && !contains(keys(google_cloudfunctions2_function.function), "forward_hints")
    error_message = "Entries would arrive twice."
  }
}

run "eventarc_replaces_the_sink" {
  variables {
    hints = "eventarc"
  }

  assert {
    condition     = length(google_logging_project_sink.hints) == 0
    error_message = "Entries would arrive twice."
  }
  assert {
    # A multi-region has no triggers of its own.
    condition     = toset([for t in google_eventarc_trigger.hints : t.location]) == toset(["global", "asia-northeast1"])
    error_message = "Eventarc does not hear of a mirror's location."
  }
  assert {
    condition     = alltrue([for t in google_eventarc_trigger.hints : t.destination[0].cloud_run_service[0].path == "/"])
    error_message = "A trigger without a path misses its route."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.trigger[0].member == google_service_account.trigger[0].member && google_project_iam_member.trigger[0].member == google_service_account.trigger[0].member
    error_message = "Eventarc may not deliver."
  }
}

run "the_organisation_may_own_the_audit_configuration" {
  variables {
    audit_logs = false
  }

  assert {
    condition     = length(google_project_iam_audit_config.registry) == 0
    error_message = "The organisation's configuration would be fought over."
  }
}

run "an_existing_gcr_topic_is_used" {
  variables {
    gcr_topic = "existing"
  }

  assert {
    condition     = length(google_pubsub_topic.gcr) == 0 && google_pubsub_subscription.push["gcr"].topic == "projects/sample-project/topics/gcr"
    error_message = "The topic gcr would be made twice, or not heard."
  }
}

run "without_a_gcr_topic_there_is_no_subscription" {
  variables {
    gcr_topic = "none"
  }

  assert {
    condition     = !contains(keys(google_pubsub_subscription.push), "gcr")
    error_message = "A subscription names a topic that is not there."
  }
}

run "without_a_secret_there_is_no_webhook" {
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.public_webhook) == 0 && !contains(keys(google_cloudfunctions2_function.function), "docker_hub_webhook")
    error_message = "A function is open that nobody asked for."
  }
  assert {
    condition     = output.webhook == null
    error_message = "There is a URL without a webhook."
  }
}
