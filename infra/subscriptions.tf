# Own push subscriptions, because those that Eventarc makes have ten seconds, one day and no dead
# letters. https://github.com/hashicorp/terraform-provider-google/issues/17701

locals {
  # Pub/Sub's longest; a function's timeout has to be shorter, or a message is delivered twice at once.
  ack_deadline_seconds = 600
  # Pub/Sub's longest.
  dead_letter_seconds = "2678400s"

  subscriptions = merge([
    for name, function in local.functions : {
      for topic in function.subscribes : topic => name if contains(keys(local.topic_ids), topic)
    }
  ]...)
}

resource "google_pubsub_subscription" "push" {
  for_each = local.subscriptions

  project              = var.project
  name                 = "transship-${each.key}"
  topic                = local.topic_ids[each.key]
  labels               = var.labels
  ack_deadline_seconds = local.ack_deadline_seconds

  # A hundred deliveries, ten minutes apart at the end, are sixteen hours: longer than Docker Hub's
  # six-hour window, shorter than what is retained. A dead letter has no other way to its record.
  message_retention_duration = each.key == "dead-letter" ? local.dead_letter_seconds : "259200s"

  push_config {
    # functions-framework takes the event's source from the path.
    push_endpoint = "${google_cloudfunctions2_function.function[each.value].service_config[0].uri}/${local.topic_ids[each.key]}"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.function[each.value].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # A dead letter has nowhere else to go.
  dynamic "dead_letter_policy" {
    for_each = each.key == "dead-letter" ? [] : [google_pubsub_topic.topic["dead-letter"].id]
    content {
      dead_letter_topic     = dead_letter_policy.value
      max_delivery_attempts = 100
    }
  }

  # Never expire for want of traffic.
  expiration_policy {
    ttl = ""
  }

  lifecycle {
    precondition {
      condition     = local.functions[each.value].timeout_seconds < local.ack_deadline_seconds
      error_message = "The function ${each.value} may run longer than Pub/Sub waits."
    }
  }

  depends_on = [google_pubsub_topic.gcr]
}

# Keeps what was given up until somebody replays or discards it (docs/adr/0010-dead-letters.md). What
# is said about dead letters on their topic is none, hence the filter.
resource "google_pubsub_subscription" "dead_letter" {
  project                    = var.project
  name                       = "transship-dead-letter-retained"
  topic                      = google_pubsub_topic.topic["dead-letter"].id
  labels                     = var.labels
  filter                     = "attributes:CloudPubSubDeadLetterSourceSubscription"
  ack_deadline_seconds       = 60
  message_retention_duration = local.dead_letter_seconds

  expiration_policy {
    ttl = ""
  }
}

# Forwarding to the dead-letter topic is a publish and an acknowledgement by Pub/Sub's own agent.
# Without either, the message is delivered for ever.
resource "google_pubsub_topic_iam_member" "dead_letter" {
  project = var.project
  topic   = google_pubsub_topic.topic["dead-letter"].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter" {
  for_each = { for topic, subscription in google_pubsub_subscription.push : topic => subscription if topic != "dead-letter" }

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
