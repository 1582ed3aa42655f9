# Docker Hub signs nothing and sends no header of ours: the secret is in the path. Everybody may call
# the function, which is why it does nothing but compare the secret and publish a hint.
resource "google_cloud_run_v2_service_iam_member" "public_webhook" {
  count = var.webhook_secret == null ? 0 : 1

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function["docker_hub_webhook"].name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

# The platform's request log would keep the path, and with it the secret.
resource "google_logging_project_exclusion" "webhook" {
  count = var.webhook_secret == null ? 0 : 1

  project     = var.project
  name        = "transship-webhook-requests"
  description = "The path of these requests holds the webhook's secret"
  filter      = <<-EOT
    resource.type="cloud_run_revision"
    resource.labels.service_name="${google_cloudfunctions2_function.function["docker_hub_webhook"].name}"
    log_id("run.googleapis.com/requests")
  EOT
}
