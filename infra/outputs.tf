output "accounts" {
  description = "The e-mail of each function's account."
  value       = { for name, function in local.functions : name => google_service_account.function[function.account].email }
}

output "console" {
  description = "How to reach the page; null without one."
  value = var.console == null ? null : local.people.auth == "iap" ? join("\n", [
    "gcloud beta run services update transship-console --iap --project=${var.project} --region=${var.region}",
    google_cloudfunctions2_function.function["console"].service_config[0].uri,
  ]) : "gcloud run services proxy transship-console --project=${var.project} --region=${var.region}"
}

output "dead_letters" {
  description = "The command that shows what was given up."
  value       = "gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead_letter.name} --project=${var.project} --limit=10"
}

output "first_message" {
  description = "The command that deploys an image."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.topic["deploy"].name} --project=${var.project} --message='${jsonencode(merge({ image = "dockersamples/static-site", port = 80, service = "image-from-docker-hub" }, length(var.policy.public) > 0 ? { allow_unauthenticated = true } : {}))}'"
}

output "functions" {
  description = "The URL of each function."
  value       = { for name, function in google_cloudfunctions2_function.function : name => function.service_config[0].uri }
}

output "mirrors" {
  description = "Where each mirror is pulled from."
  value       = { for id, mirror in local.mirrors : mirror.upstream => mirror.prefix }
  # A service that names an image of the mirror has to wait for it.
  depends_on = [google_artifact_registry_repository.mirror]
}

output "outcomes" {
  description = "The commands that show what happened: a subscription, sought back a day, and a pull."
  value       = <<-EOT
    gcloud pubsub subscriptions create transship-outcomes-reader --project=${var.project} --topic=${google_pubsub_topic.topic["outcomes"].name}
    gcloud pubsub subscriptions seek transship-outcomes-reader --project=${var.project} --time=$(date -u -d '1 day ago' +%Y-%m-%dT%H:%M:%SZ)
    gcloud pubsub subscriptions pull transship-outcomes-reader --project=${var.project} --limit=10 --auto-ack
  EOT
}

output "runtime_accounts" {
  description = "The role-less account of each target project."
  value       = { for project, account in google_service_account.runtime : project => account.email }
}

output "topics" {
  description = "The topics by their short names."
  value       = local.topic_ids
}

output "webhook" {
  description = "Docker Hub's webhook is this URL with the secret in place of SECRET; null without a webhook."
  value       = var.webhook_secret == null ? null : "${google_cloudfunctions2_function.function["docker_hub_webhook"].service_config[0].uri}/SECRET"
}
