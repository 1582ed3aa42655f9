output "follow" {
  description = "The command that hands the service's image to transship, once, after the apply."
  value       = "gcloud pubsub topics publish transship-deploy --project=${var.project} --message='${jsonencode({ adopt = true, image = "nginx:1.27", service = google_cloud_run_v2_service.site.name })}'"
}
