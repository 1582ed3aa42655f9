# A function is one entry of this map; accounts, roles, subscriptions and secrets follow from it.

locals {
  all_functions = {
    deploy_image = {
      purpose         = "Pulls images through the mirrors and deploys them"
      account         = "deploy"
      concurrency     = 8
      instances       = 10
      timeout_seconds = 540
      public          = false
      subscribes      = ["deploy", "redeploy"]
      publishes       = ["outcomes", "progress"]
      secrets         = ["TRANSSHIP_UPSTREAM_CREDENTIALS"]
      environment = [
        "TRANSSHIP_DEADLINE_SECONDS",
        "TRANSSHIP_DEPLOYS_PER_HOUR",
        "TRANSSHIP_MAX_IMAGE_BYTES",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_PAUSED",
        "TRANSSHIP_PLATFORM",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PRIVATE_HOSTS",
        "TRANSSHIP_PROGRESS_TOPIC",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REGION",
        "TRANSSHIP_REGISTRY_HOSTS",
        "TRANSSHIP_RUNTIME_ACCOUNT",
      ]
    }

    refresh_services = {
      purpose         = "Finds the services that track a tag and asks for their deploys"
      account         = "refresh"
      concurrency     = 8
      instances       = 2
      timeout_seconds = 300
      public          = false
      subscribes      = ["gcr", "hints"]
      publishes       = ["outcomes", "redeploy", "warm"]
      secrets         = ["TRANSSHIP_UPSTREAM_CREDENTIALS"]
      environment = [
        "TRANSSHIP_DEPLOYS_PER_HOUR",
        "TRANSSHIP_IGNORED_PRINCIPALS",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_PAUSED",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PRIVATE_HOSTS",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REDEPLOY_TOPIC",
        "TRANSSHIP_REGION",
        "TRANSSHIP_REGISTRY_HOSTS",
        "TRANSSHIP_WARM_TOPIC",
      ]
    }

    warm_mirror = {
      purpose         = "Looks at every due tag and keeps the mirrors stocked"
      account         = "warm"
      concurrency     = 8
      instances       = 2
      timeout_seconds = 540
      public          = false
      subscribes      = ["warm"]
      publishes       = ["outcomes", "redeploy", "warm"]
      secrets         = ["TRANSSHIP_UPSTREAM_CREDENTIALS"]
      environment = [
        "TRANSSHIP_DEADLINE_SECONDS",
        "TRANSSHIP_DEPLOYS_PER_HOUR",
        "TRANSSHIP_KEEP_WARM",
        "TRANSSHIP_MAX_IMAGE_BYTES",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_PAUSED",
        "TRANSSHIP_PLATFORM",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PRIVATE_HOSTS",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_QUOTA_FLOOR",
        "TRANSSHIP_REDEPLOY_TOPIC",
        "TRANSSHIP_REGION",
        "TRANSSHIP_REGISTRY_HOSTS",
        "TRANSSHIP_TICK_SECONDS",
        "TRANSSHIP_UPSTREAM_RATE",
        "TRANSSHIP_WARM_TOPIC",
      ]
    }

    advance_rollouts = {
      purpose         = "Finds revisions on trial and asks for the next step of each"
      account         = "advance"
      concurrency     = 8
      instances       = 1
      timeout_seconds = 120
      public          = false
      subscribes      = ["rollouts"]
      publishes       = ["outcomes", "redeploy"]
      secrets         = []
      environment = [
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REDEPLOY_TOPIC",
        "TRANSSHIP_REGION",
      ]
    }

    bury = {
      purpose         = "Writes down what was given up"
      account         = "bury"
      concurrency     = 8
      instances       = 1
      timeout_seconds = 30
      public          = false
      subscribes      = ["dead-letter"]
      publishes       = ["outcomes"]
      secrets         = []
      environment = [
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REGION",
      ]
    }

    docker_hub_webhook = {
      purpose         = "Turns Docker Hub's webhooks into hints"
      account         = "webhook"
      concurrency     = 8
      instances       = 1
      timeout_seconds = 30
      public          = true
      subscribes      = []
      publishes       = ["hints"]
      secrets         = ["TRANSSHIP_WEBHOOK_SECRETS"]
      environment = [
        "TRANSSHIP_HINTS_TOPIC",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REGION",
      ]
    }

    forward_hints = {
      purpose         = "Puts Eventarc's audit events onto the topic of hints"
      account         = "forward"
      concurrency     = 8
      instances       = 2
      timeout_seconds = 10
      public          = false
      subscribes      = []
      publishes       = ["hints", "outcomes"]
      secrets         = []
      environment = [
        "TRANSSHIP_HINTS_TOPIC",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_OUTCOMES_TOPIC",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REGION",
      ]
    }

    console = {
      purpose         = "The page on which people see the fleet and steer it"
      account         = "console"
      concurrency     = 16
      instances       = 2
      timeout_seconds = 60
      public          = true
      subscribes      = []
      # A dead letter is replayed to the topic that it was on.
      publishes = ["dead-letter", "deploy", "hints", "notices", "outcomes", "redeploy", "rollouts", "warm"]
      secrets   = ["TRANSSHIP_CONSOLE_KEYS", "TRANSSHIP_UPSTREAM_CREDENTIALS"]
      environment = [
        "TRANSSHIP_CONSOLE_AUDIENCE",
        "TRANSSHIP_CONSOLE_AUTH",
        "TRANSSHIP_CONSOLE_OPERATORS",
        "TRANSSHIP_CONSOLE_VIEWERS",
        "TRANSSHIP_DEAD_LETTER_TOPIC",
        "TRANSSHIP_DEPLOYS_PER_HOUR",
        "TRANSSHIP_DEPLOY_TOPIC",
        "TRANSSHIP_MAX_IMAGE_BYTES",
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_PAUSED",
        "TRANSSHIP_PLATFORM",
        "TRANSSHIP_POLICY",
        "TRANSSHIP_PRIVATE_HOSTS",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_QUOTA_FLOOR",
        "TRANSSHIP_REGION",
        "TRANSSHIP_REGISTRY_HOSTS",
        "TRANSSHIP_UPSTREAM_RATE",
      ]
    }

    notify = {
      purpose         = "Tells outcomes to Slack and to webhooks"
      account         = "notify"
      concurrency     = 8
      instances       = 2
      timeout_seconds = 30
      public          = false
      subscribes      = ["notices", "outcomes"]
      publishes       = ["notices"]
      secrets         = ["TRANSSHIP_NOTIFY"]
      environment = [
        "TRANSSHIP_MIRRORS",
        "TRANSSHIP_NOTICES_TOPIC",
        "TRANSSHIP_PROJECT",
        "TRANSSHIP_REGION",
      ]
    }
  }

  left_out = concat(
    var.console == null ? ["console"] : [],
    var.notify_secret == null ? ["notify"] : [],
    var.webhook_secret == null ? ["docker_hub_webhook"] : [],
    var.hints == "eventarc" ? [] : ["forward_hints"],
  )
  functions = { for name, function in local.all_functions : name => function if !contains(local.left_out, name) }
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  project     = var.project
  location    = var.region
  name        = "transship-${replace(each.key, "_", "-")}"
  description = each.value.purpose
  # transship never deploys to a service that carries this label.
  labels = merge(var.labels, { transship-part = "function" })

  build_config {
    # The archive's bytecode is of this version (tools/archive.py).
    runtime         = "python311"
    entry_point     = each.key
    service_account = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    all_traffic_on_latest_revision   = true
    available_cpu                    = "1"
    available_memory                 = "512Mi"
    ingress_settings                 = each.value.public ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    max_instance_count               = each.value.instances
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = 0
    service_account_email            = google_service_account.function[each.value.account].email
    timeout_seconds                  = each.value.timeout_seconds

    environment_variables = merge(
      # functions-framework starts four threads for each CPU, whatever the concurrency.
      { THREADS = tostring(each.value.concurrency) },
      { for variable in each.value.environment : variable => local.settings[variable] if !contains(local.empty, variable) },
    )

    dynamic "secret_environment_variables" {
      for_each = [for variable in each.value.secrets : variable if contains(keys(local.secrets), variable)]
      content {
        key        = secret_environment_variables.value
        project_id = var.project
        secret     = local.secrets[secret_environment_variables.value]
        version    = "latest"
      }
    }
  }

  depends_on = [
    google_project_iam_member.build,
    google_secret_manager_secret_iam_member.function,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = toset(values(local.subscriptions))

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}
