# What fails silently in the cloud fails here.

mock_provider "google" {}

override_data {
  target = data.google_project.own
  values = { number = "123456789012" }
}

variables {
  project = "sample-project"
  region  = "asia-northeast1"
  mirrors = {
    docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = "sample" } }
    ghcr   = { upstream = "ghcr.io" }
  }
  upstream       = { credentials_secret = "transship-upstream-credentials" }
  webhook_secret = "transship-webhook"
}

run "pulls_are_logged" {
  assert {
    condition     = toset([for c in google_project_iam_audit_config.registry[0].audit_log_config : c.log_type]) == toset(["DATA_READ", "DATA_WRITE"])
    error_message = "Without DATA_READ and DATA_WRITE no pull is ever logged."
  }
  assert {
    condition     = google_project_iam_audit_config.registry[0].service == "artifactregistry.googleapis.com"
    error_message = "The logs of another API are switched on."
  }
}

run "log_entries_become_hints" {
  command = plan

  assert {
    condition     = google_pubsub_topic_iam_member.sink[0].member == google_logging_project_sink.hints[0].writer_identity
    error_message = "The sink may not publish, so its entries are dropped."
  }
  assert {
    condition     = google_logging_project_sink.hints[0].destination == "pubsub.googleapis.com/${google_pubsub_topic.topic["hints"].id}"
    error_message = "The sink writes elsewhere."
  }
  assert {
    condition     = alltrue([for id in ["docker", "ghcr"] : strcontains(google_logging_project_sink.hints[0].filter, "protoPayload.resourceName:\"/repositories/${id}\"")])
    error_message = "The sink does not hear of each mirror."
  }
}

run "dead_letters_are_kept" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.dead_letter.topic == google_pubsub_topic.topic["dead-letter"].id && google_pubsub_subscription.dead_letter.filter == "attributes:CloudPubSubDeadLetterSourceSubscription"
    error_message = "A dead-letter topic without a subscription forgets at once."
  }
  assert {
    condition     = google_pubsub_subscription.dead_letter.expiration_policy[0].ttl == "" && google_pubsub_subscription.dead_letter.message_retention_duration == "2678400s"
    error_message = "Dead letters are not kept for 31 days."
  }
  assert {
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : s.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.topic["dead-letter"].id if topic != "dead-letter"]) && length(google_pubsub_subscription.push["dead-letter"].dead_letter_policy) == 0
    error_message = "A subscription gives up into nowhere."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letter.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com" && google_pubsub_topic_iam_member.dead_letter.role == "roles/pubsub.publisher"
    error_message = "Pub/Sub's agent may not publish dead letters."
  }
  assert {
    condition     = toset(keys(google_pubsub_subscription_iam_member.dead_letter)) == setsubtract(keys(google_pubsub_subscription.push), ["dead-letter"]) && alltrue([for m in google_pubsub_subscription_iam_member.dead_letter : m.member == google_pubsub_topic_iam_member.dead_letter.member && m.role == "roles/pubsub.subscriber"])
    error_message = "Pub/Sub's agent may not take dead letters off every subscription."
  }
}

run "subscriptions_wait_longer_than_functions_run" {
  command = plan

  assert {
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : s.ack_deadline_seconds > google_cloudfunctions2_function.function[local.subscriptions[topic]].service_config[0].timeout_seconds])
    error_message = "A message is redelivered while its function still runs."
  }
  assert {
    condition     = tonumber(google_cloudfunctions2_function.function["deploy_image"].service_config[0].environment_variables["TRANSSHIP_DEADLINE_SECONDS"]) < google_cloudfunctions2_function.function["deploy_image"].service_config[0].timeout_seconds
    error_message = "The platform ends a deploy before it has published its outcome."
  }
  assert {
    condition     = alltrue([for s in google_pubsub_subscription.push : s.expiration_policy[0].ttl == ""])
    error_message = "A subscription without traffic would be deleted."
  }
  assert {
    # 6 h is Docker Hub's window; 10 s doubling to 600 s takes 7 deliveries, the rest wait 600 s.
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : (s.dead_letter_policy[0].max_delivery_attempts - 7) * 600 > 6 * 3600 if topic != "dead-letter"])
    error_message = "Messages are given up before the upstream's quota comes back."
  }
}

run "explicit_and_automatic_deploys_wait_apart" {
  command = plan

  assert {
    condition     = google_pubsub_subscription.push["deploy"].topic != google_pubsub_subscription.push["redeploy"].topic
    error_message = "Backoff of automatic deploys would slow explicit ones."
  }
  assert {
    condition     = local.subscriptions["deploy"] == "deploy_image" && local.subscriptions["redeploy"] == "deploy_image"
    error_message = "Not every deploy goes through deploy_image."
  }
}

run "pushes_arrive" {
  command = plan

  assert {
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : s.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email])
    error_message = "A push carries no token, or another account's."
  }
  assert {
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : s.push_config[0].push_endpoint == "${google_cloudfunctions2_function.function[local.subscriptions[topic]].service_config[0].uri}/${s.topic}"])
    error_message = "A push goes to another function, or does not name its topic."
  }
  assert {
    condition     = alltrue([for topic, s in google_pubsub_subscription.push : s.push_config[0].oidc_token[0].audience == google_cloudfunctions2_function.function[local.subscriptions[topic]].service_config[0].uri])
    error_message = "A push's token is for another audience."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_member.push)) == toset(values(local.subscriptions))
    error_message = "The push account may invoke a function without a subscription, or not one with."
  }
  assert {
    condition     = alltrue([for m in google_cloud_run_v2_service_iam_member.push : m.member == google_service_account.push.member && m.role == "roles/run.invoker"])
    error_message = "Somebody else may invoke the functions."
  }
}

run "the_sweep_is_ticked" {
  command = plan

  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.sweep.pubsub_target[0].data)).kind == "sweep"
    error_message = "A tick without data is refused for ever."
  }
  assert {
    condition     = google_cloud_scheduler_job.sweep.pubsub_target[0].topic_name == google_pubsub_topic.topic["warm"].id
    error_message = "The tick goes elsewhere."
  }
}

run "trials_are_ticked" {
  command = plan

  assert {
    condition     = jsondecode(base64decode(google_cloud_scheduler_job.rollouts.pubsub_target[0].data)).kind == "tick" && google_cloud_scheduler_job.rollouts.pubsub_target[0].topic_name == google_pubsub_topic.topic["rollouts"].id
    error_message = "Nobody looks on when a deploy waits for its redelivery, and no revision is watched."
  }
  assert {
    condition     = alltrue([for role in google_project_iam_custom_role.deployer : contains(role.permissions, "run.routes.invoke")])
    error_message = "Candidates of private services are decided by readiness alone."
  }
}

run "functions_have_threads_for_their_requests" {
  command = plan

  assert {
    condition     = alltrue([for f in google_cloudfunctions2_function.function : f.service_config[0].environment_variables["THREADS"] == tostring(f.service_config[0].max_instance_request_concurrency)])
    error_message = "Requests would wait for a thread."
  }
  assert {
    condition     = alltrue([for f in google_cloudfunctions2_function.function : f.service_config[0].min_instance_count == 0 && f.service_config[0].max_instance_count <= 10])
    error_message = "A function costs while idle, or has no bound."
  }
  assert {
    condition     = alltrue([for f in google_cloudfunctions2_function.function : f.labels["transship-part"] == "function"])
    error_message = "transship could deploy over a part of itself."
  }
}

run "only_the_webhook_is_open" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service_iam_member.public_webhook[0].name == google_cloudfunctions2_function.function["docker_hub_webhook"].name
    error_message = "Another function is open to everybody."
  }
  assert {
    condition     = [for name, f in google_cloudfunctions2_function.function : name if f.service_config[0].ingress_settings == "ALLOW_ALL"] == ["docker_hub_webhook"]
    error_message = "Another function is reachable from the internet."
  }
  assert {
    condition     = strcontains(google_logging_project_exclusion.webhook[0].filter, google_cloudfunctions2_function.function["docker_hub_webhook"].name)
    error_message = "The request log would keep the webhook's secret."
  }
}

run "the_mirror_logs_in" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.mirror["docker"].remote_repository_config[0].upstream_credentials[0].username_password_credentials[0].password_secret_version == "projects/sample-project/secrets/docker-hub-token/versions/latest"
    error_message = "The mirror pulls anonymously, or a new version of the secret would not reach it."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.mirror["docker-hub-token"].member == "serviceAccount:service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    error_message = "Artifact Registry may not read its secret."
  }
  assert {
    condition     = toset(keys(google_secret_manager_secret_iam_member.function)) == toset(["deploy_image/TRANSSHIP_UPSTREAM_CREDENTIALS", "refresh_services/TRANSSHIP_UPSTREAM_CREDENTIALS", "warm_mirror/TRANSSHIP_UPSTREAM_CREDENTIALS", "docker_hub_webhook/TRANSSHIP_WEBHOOK_SECRETS"])
    error_message = "A function may read a secret it does not need, or not the one it needs."
  }
}

run "the_mirrors_keep_what_they_have" {
  command = plan

  assert {
    condition     = alltrue([for m in google_artifact_registry_repository.mirror : m.mode == "REMOTE_REPOSITORY" && length(m.cleanup_policies) == 0])
    error_message = "A cleanup policy could delete what a revision names."
  }
  assert {
    condition     = google_artifact_registry_repository.mirror["docker"].remote_repository_config[0].docker_repository[0].public_repository == "DOCKER_HUB" && google_artifact_registry_repository.mirror["ghcr"].remote_repository_config[0].common_repository[0].uri == "https://ghcr.io"
    error_message = "A mirror has another upstream."
  }
  assert {
    condition     = google_cloudfunctions2_function.function["deploy_image"].service_config[0].environment_variables["TRANSSHIP_MIRRORS"] == "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker,ghcr.io=asia-northeast1-docker.pkg.dev/sample-project/ghcr"
    error_message = "The functions look for the mirrors elsewhere."
  }
}

run "functions_may_publish_where_they_have_to" {
  command = plan

  assert {
    condition = toset(keys(google_pubsub_topic_iam_member.function)) == toset([
      "advance_rollouts/outcomes", "advance_rollouts/redeploy", "bury/outcomes",
      "deploy_image/outcomes", "deploy_image/progress", "docker_hub_webhook/hints",
      "refresh_services/outcomes", "refresh_services/redeploy", "refresh_services/warm",
      "warm_mirror/outcomes", "warm_mirror/redeploy", "warm_mirror/warm",
    ])
    error_message = "A function's topics have changed: is that meant?"
  }
}

run "somebody_is_told" {
  command = plan

  variables {
    alert_channels = ["projects/sample-project/notificationChannels/1"]
  }

  assert {
    condition     = alltrue([for a in concat(values(google_monitoring_alert_policy.threshold), values(google_monitoring_alert_policy.query), [google_monitoring_alert_policy.sweep]) : a.notification_channels == tolist(["projects/sample-project/notificationChannels/1"])])
    error_message = "An alert tells nobody."
  }
  assert {
    condition     = google_monitoring_alert_policy.sweep.conditions[0].condition_absent[0].duration == "3600s"
    error_message = "A sweep that has stopped would not be noticed."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.query["failed"].conditions[0].condition_prometheus_query_language[0].query, "logging_googleapis_com:user_transship_outcomes{")
    error_message = "The alert queries another metric."
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.transship.dashboard_json).mosaicLayout.tiles) == 6
    error_message = "The dashboard lacks a chart."
  }
}

run "an_empty_list_is_not_set" {
  command = plan

  variables {
    keep_warm = ["docker.io/library/nginx:1.27"]
  }

  assert {
    condition     = google_cloudfunctions2_function.function["warm_mirror"].service_config[0].environment_variables["TRANSSHIP_KEEP_WARM"] == "docker.io/library/nginx:1.27"
    error_message = "What is to be kept warm does not reach the warmer."
  }
  assert {
    condition     = !contains(keys(google_cloudfunctions2_function.function["warm_mirror"].service_config[0].environment_variables), "TRANSSHIP_PRIVATE_HOSTS")
    error_message = "An empty variable would be a difference in every plan."
  }
}
