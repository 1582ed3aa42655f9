# The alternative to the sink where log sinks are not allowed. One trigger hears one method, HEAD is
# not in the catalogue, and a subscription of Eventarc's waits ten seconds: so the function only puts
# the event onto the topic of hints.

locals {
  # Eventarc has no dual- or multi-regions: "global" hears the repositories there.
  # https://docs.cloud.google.com/eventarc/docs/locations
  triggers = var.hints != "eventarc" ? {} : {
    for pair in setproduct(
      ["Docker-GetManifest", "Docker-PutManifest"],
      distinct([for mirror in local.mirrors : can(regex("[0-9]$", mirror.location)) ? mirror.location : "global"]),
    ) : "${lower(pair[0])}-${pair[1]}" => { location = pair[1], method = pair[0] }
  }
}

resource "google_eventarc_trigger" "hints" {
  for_each = local.triggers

  project         = var.project
  location        = each.value.location
  name            = "transship-${each.key}"
  labels          = var.labels
  service_account = google_service_account.trigger[0].email

  matching_criteria {
    attribute = "type"
    value     = "google.cloud.audit.log.v1.written"
  }

  matching_criteria {
    attribute = "serviceName"
    value     = "artifactregistry.googleapis.com"
  }

  matching_criteria {
    attribute = "methodName"
    value     = each.value.method
  }

  destination {
    cloud_run_service {
      service = google_cloudfunctions2_function.function["forward_hints"].name
      region  = var.region
      path    = "/"
    }
  }

  depends_on = [google_project_iam_member.trigger, google_project_iam_audit_config.registry]
}

resource "google_service_account" "trigger" {
  count = var.hints == "eventarc" ? 1 : 0

  project      = var.project
  account_id   = "transship-trigger"
  display_name = "transship: trigger"
  description  = "Eventarc's requests to forward_hints carry its token"

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "trigger" {
  count = var.hints == "eventarc" ? 1 : 0

  project = var.project
  role    = "roles/eventarc.eventReceiver"
  member  = google_service_account.trigger[0].member
}

resource "google_cloud_run_v2_service_iam_member" "trigger" {
  count = var.hints == "eventarc" ? 1 : 0

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function["forward_hints"].name
  role     = "roles/run.invoker"
  member   = google_service_account.trigger[0].member
}
