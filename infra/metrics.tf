# Metrics made from the functions' log lines. A line that ends an event has the CloudEvent's type and
# the fields of the outcome; the sweep's lines carry what the upstream says is left of the quota.

locals {
  from_functions = "resource.type=\"cloud_run_revision\" resource.labels.service_name=~\"^transship-\""

  metrics = {
    lag_seconds = {
      description = "From the moment a tag was seen to move until its service ran the new digest"
      unit        = "s"
    }
    quota_remaining = {
      description = "Pulls that an upstream still allows (Docker Hub: ratelimit-remaining)"
      unit        = "1"
    }
  }
}

resource "google_logging_metric" "outcomes" {
  project     = var.project
  name        = "transship/outcomes"
  description = "Handled events by how they ended"
  filter      = "${local.from_functions} jsonPayload.type=~\"^dev\\.transship\\.\""

  # The type alone: each value of a label is a series of its own, and a reason may be a sentence.
  label_extractors = {
    type = "EXTRACT(jsonPayload.type)"
  }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    labels {
      key         = "type"
      value_type  = "STRING"
      description = "dev.transship.deployed.v1 and the like"
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "values" {
  for_each = local.metrics

  project         = var.project
  name            = "transship/${each.key}"
  description     = each.value.description
  filter          = "${local.from_functions} jsonPayload.${each.key}>=0"
  value_extractor = "EXTRACT(jsonPayload.${each.key})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  # From one to about a million, a bucket for each doubling.
  bucket_options {
    exponential_buckets {
      growth_factor      = 2
      num_finite_buckets = 20
      scale              = 1
    }
  }

  depends_on = [google_project_service.api]
}
