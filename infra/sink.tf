locals {
  # HEAD is among the methods because a sink can have it; Eventarc's catalogue cannot.
  # ":" finds a substring, so that "docker" also lets "docker-2" through: the code looks again.
  sink_filter = <<-EOT
    logName="projects/${var.project}/logs/cloudaudit.googleapis.com%2Fdata_access"
    protoPayload.serviceName="artifactregistry.googleapis.com"
    protoPayload.methodName=("Docker-GetManifest" OR "Docker-HeadManifest" OR "Docker-PutManifest")
    (${join(" OR ", [for id in sort(keys(local.mirrors)) : "protoPayload.resourceName:\"/repositories/${id}\""])})
    NOT protoPayload.authenticationInfo.principalEmail:"@serverless-robot-prod.iam.gserviceaccount.com"
    NOT protoPayload.authenticationInfo.principalEmail="${google_service_account.function["deploy"].email}"
    NOT protoPayload.status.code>0
  EOT
}

resource "google_logging_project_sink" "hints" {
  count = var.hints == "sink" ? 1 : 0

  project                = var.project
  name                   = "transship-hints"
  description            = "Pulls from the mirrors, as hints that a tag may have moved"
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.topic["hints"].id}"
  filter                 = local.sink_filter
  unique_writer_identity = true
}

resource "google_pubsub_topic_iam_member" "sink" {
  count = var.hints == "sink" ? 1 : 0

  project = var.project
  topic   = google_pubsub_topic.topic["hints"].name
  role    = "roles/pubsub.publisher"
  member  = google_logging_project_sink.hints[0].writer_identity
}
