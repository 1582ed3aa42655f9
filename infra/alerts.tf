locals {
  # https://docs.cloud.google.com/monitoring/api/metrics_gcp
  series = {
    backlog      = "resource.type=\"pubsub_subscription\" metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.labels.subscription_id=one_of(${join(",", [for topic in sort(keys(local.subscriptions)) : "\"transship-${topic}\""])})"
    dead_letters = "resource.type=\"pubsub_subscription\" metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letter.name}\""
    lag          = "resource.type=\"cloud_run_revision\" metric.type=\"logging.googleapis.com/user/${google_logging_metric.values["lag_seconds"].name}\""
    outcomes     = "resource.type=\"cloud_run_revision\" metric.type=\"logging.googleapis.com/user/${google_logging_metric.outcomes.name}\""
    quota        = "resource.type=\"cloud_run_revision\" metric.type=\"logging.googleapis.com/user/${google_logging_metric.values["quota_remaining"].name}\""
    sweeps       = "resource.type=\"cloud_run_revision\" metric.type=\"run.googleapis.com/request_count\" resource.labels.service_name=\"${google_cloudfunctions2_function.function["warm_mirror"].name}\" metric.labels.response_code_class=\"2xx\""
  }

  alerts = {
    backlog = {
      title      = "messages wait"
      what       = "A message has waited an hour: deploys keep failing for a reason that may pass. The function's log names it; operations.md, \"Messages wait\"."
      filter     = local.series.backlog
      aligner    = "ALIGN_MAX"
      comparison = "COMPARISON_GT"
      reducer    = "REDUCE_MAX"
      severity   = "WARNING"
      threshold  = 3600
    }
    dead_letters = {
      title      = "messages were given up"
      what       = "Messages are in the dead-letter subscription, kept for 31 days. See operations.md, \"Dead letters\"."
      filter     = local.series.dead_letters
      aligner    = "ALIGN_MAX"
      comparison = "COMPARISON_GT"
      reducer    = "REDUCE_MAX"
      severity   = "ERROR"
      threshold  = 0
    }
    failed = {
      title      = "an image does not become ready"
      what       = "A revision never became ready; traffic stays where it was. The outcome has the condition and the log's address."
      filter     = "${local.series.outcomes} metric.labels.type=\"dev.transship.failed.v1\""
      aligner    = "ALIGN_DELTA"
      comparison = "COMPARISON_GT"
      reducer    = "REDUCE_SUM"
      severity   = "WARNING"
      threshold  = 0
    }
    quota = {
      title      = "the upstream's quota runs out"
      what       = "Fewer pulls are left than are reserved for deploys: warming waits, deploys go on. See operations.md, \"Rate limits\"."
      filter     = local.series.quota
      aligner    = "ALIGN_PERCENTILE_05"
      comparison = "COMPARISON_LT"
      reducer    = "REDUCE_MIN"
      severity   = "WARNING"
      threshold  = var.upstream.quota_floor
    }
  }
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.alerts

  project               = var.project
  display_name          = "transship: ${each.value.title}"
  combiner              = "OR"
  notification_channels = var.alert_channels
  severity              = each.value.severity

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = each.value.comparison
      duration        = "0s"
      threshold_value = each.value.threshold

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
    }
  }

  documentation {
    content   = each.value.what
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.api]
}

# The dead man's switch: what finds moved tags has itself stopped, which no error reports.
resource "google_monitoring_alert_policy" "sweep" {
  project               = var.project
  display_name          = "transship: no sweep"
  combiner              = "OR"
  notification_channels = var.alert_channels
  severity              = "ERROR"

  conditions {
    display_name = "no sweep for an hour"

    condition_absent {
      filter   = local.series.sweeps
      duration = "3600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "No sweep has ended well for an hour, so moved tags may go unseen. See operations.md, \"No sweep\"."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.api]
}
