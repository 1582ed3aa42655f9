locals {
  # https://docs.cloud.google.com/monitoring/api/metrics_gcp
  series = {
    backlog      = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.labels.subscription_id=one_of(${join(",", [for topic in sort(keys(local.subscriptions)) : "\"transship-${topic}\""])})"
    dead_letters = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.labels.subscription_id=\"${google_pubsub_subscription.dead_letter.name}\""
    lag          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.values["lag_seconds"].name}\""
    outcomes     = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.outcomes.name}\""
    quota        = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.values["quota_remaining"].name}\""
    sweeps       = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/request_count\" AND resource.labels.service_name=\"${google_cloudfunctions2_function.function["warm_mirror"].name}\" AND metric.labels.response_code_class=\"2xx\""
  }

  alerts = {
    backlog = {
      title     = "messages wait"
      what      = "A message has waited an hour: it keeps failing for a reason that may pass. The function's log names the reason. See operations.md, \"Messages wait\"."
      filter    = local.series.backlog
      severity  = "WARNING"
      threshold = 3600
    }
    dead_letters = {
      title     = "messages were given up"
      what      = "Messages are in the dead-letter subscription, which keeps them for 31 days. See operations.md, \"Dead letters\"."
      filter    = local.series.dead_letters
      severity  = "ERROR"
      threshold = 0
    }
  }

  # Metrics from logs are queried in PromQL: a threshold on one is refused until the metric has been
  # there for up to ten minutes, which would break the first apply.
  # https://github.com/hashicorp/terraform-provider-google/issues/11102
  queries = {
    failed = {
      title = "an image does not become ready"
      what  = "A revision never became ready; traffic stays where it was. The outcome has the condition and the log's address."
      query = "sum(increase(${local.promql["outcomes"]}{monitored_resource=\"cloud_run_revision\",type=\"dev.transship.failed.v1\"}[10m])) > 0"
    }
    quota = {
      title = "the upstream's quota runs out"
      what  = "Fewer pulls are left than are reserved for deploys: warming waits, deploys go on. See operations.md, \"Rate limits\"."
      query = "histogram_quantile(0.05, sum by (le) (rate(${local.promql["quota_remaining"]}_bucket{monitored_resource=\"cloud_run_revision\"}[10m]))) < ${var.upstream.quota_floor}"
    }
  }

  # https://docs.cloud.google.com/monitoring/promql/promql-mapping
  promql = {
    outcomes        = "logging_googleapis_com:user_${replace(google_logging_metric.outcomes.name, "/", "_")}"
    quota_remaining = "logging_googleapis_com:user_${replace(google_logging_metric.values["quota_remaining"].name, "/", "_")}"
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
      comparison      = "COMPARISON_GT"
      duration        = "0s"
      threshold_value = each.value.threshold

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_MAX"
      }
    }
  }

  documentation {
    content   = each.value.what
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "query" {
  for_each = local.queries

  project               = var.project
  display_name          = "transship: ${each.value.title}"
  combiner              = "OR"
  notification_channels = var.alert_channels
  severity              = "WARNING"

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query                     = each.value.query
      disable_metric_validation = true
      duration                  = "0s"
      evaluation_interval       = "300s"
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
