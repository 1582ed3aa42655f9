locals {
  topics = {
    dead-letter = "Messages that were given up, with the subscription they came from"
    deploy      = "Deploy requests of people and programs"
    hints       = "It is time to look: audit log entries and webhooks"
    notices     = "Outcomes, each for one destination of notifications"
    outcomes    = "One CloudEvent for each event that was handled"
    progress    = "How far a deploy is, for whoever watches just now; nothing is kept"
    redeploy    = "Deploy requests made by a refresh, and steps of trials"
    rollouts    = "Ticks for revisions on trial"
    warm        = "Ticks of the sweep, its shards, and images to be pulled"
  }
  topic_ids = merge(
    { for name, topic in google_pubsub_topic.topic : name => topic.id },
    var.gcr_topic == "none" ? {} : { gcr = "projects/${var.project}/topics/gcr" },
  )
}

resource "google_pubsub_topic" "topic" {
  for_each = local.topics

  project = var.project
  name    = "transship-${each.key}"
  labels  = var.labels
  # Outcomes have no subscription of ours: one that is made later can still seek back a week.
  message_retention_duration = each.key == "outcomes" ? "604800s" : null

  depends_on = [google_project_service.api]
}

# https://docs.cloud.google.com/artifact-registry/docs/configure-notifications
resource "google_pubsub_topic" "gcr" {
  count = var.gcr_topic == "create" ? 1 : 0

  project = var.project
  name    = "gcr"
  labels  = var.labels

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic_iam_member" "function" {
  for_each = merge([
    for name, function in local.functions : {
      for topic in function.publishes : "${name}/${topic}" => { account = function.account, topic = topic }
    }
  ]...)

  project = var.project
  topic   = google_pubsub_topic.topic[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function[each.value.account].member
}
