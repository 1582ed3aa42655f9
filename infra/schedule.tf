resource "google_cloud_scheduler_job" "sweep" {
  project     = var.project
  region      = var.region
  name        = "transship-sweep"
  description = "Time to look at the tags"
  schedule    = "*/${var.sweep_minutes} * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic["warm"].id
    # A message without data is refused by functions-framework for ever.
    data = base64encode(jsonencode({ kind = "sweep" }))
  }

  depends_on = [google_project_service.api]
}

# Not a variable: a trial that waits for it is minutes long, and a tick that finds none is one list.
resource "google_cloud_scheduler_job" "rollouts" {
  project     = var.project
  region      = var.region
  name        = "transship-rollouts"
  description = "Time to look at revisions on trial"
  schedule    = "*/2 * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic["rollouts"].id
    data       = base64encode(jsonencode({ kind = "tick" }))
  }

  depends_on = [google_project_service.api]
}
