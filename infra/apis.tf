locals {
  apis = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudscheduler.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    var.hints == "eventarc" ? ["eventarc.googleapis.com"] : [],
  ))
}

resource "google_project_service" "api" {
  for_each = local.apis
  project  = var.project
  service  = each.key
  # Others in the project may use the same API.
  disable_on_destroy = false
}

data "google_project" "own" {
  project_id = var.project
  depends_on = [google_project_service.api]
}

locals {
  # Service agents are named after the project's number, not its id.
  # https://docs.cloud.google.com/iam/docs/service-agents
  registry_agent = "serviceAccount:service-${data.google_project.own.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
  pubsub_agent   = "serviceAccount:service-${data.google_project.own.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
