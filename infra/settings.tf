# The value of each variable that a function may list in its environment (functions.tf).

locals {
  # Told apart by the lists themselves: a comparison of values that are known after apply would leave
  # the whole environment out of the plan.
  empty = [
    for variable, list in {
      TRANSSHIP_CONSOLE_OPERATORS = local.people.operators
      TRANSSHIP_CONSOLE_VIEWERS   = local.people.viewers
      TRANSSHIP_KEEP_WARM         = var.keep_warm
      TRANSSHIP_PRIVATE_HOSTS     = var.private_hosts
      TRANSSHIP_REGISTRY_HOSTS    = var.registry_hosts
    } : variable if length(list) == 0
  ]

  settings = {
    TRANSSHIP_CONSOLE_AUDIENCE  = local.console_audience
    TRANSSHIP_CONSOLE_AUTH      = local.people.auth
    TRANSSHIP_CONSOLE_OPERATORS = join(",", local.people.operators)
    TRANSSHIP_CONSOLE_VIEWERS   = join(",", local.people.viewers)
    TRANSSHIP_DEAD_LETTER_TOPIC = google_pubsub_topic.topic["dead-letter"].id
    # A minute before the platform ends the request, so that the outcome can still be published.
    TRANSSHIP_DEADLINE_SECONDS   = "480"
    TRANSSHIP_DEPLOYS_PER_HOUR   = tostring(var.automatic.deploys_per_hour)
    TRANSSHIP_DEPLOY_TOPIC       = google_pubsub_topic.topic["deploy"].id
    TRANSSHIP_HINTS_TOPIC        = google_pubsub_topic.topic["hints"].id
    TRANSSHIP_IGNORED_PRINCIPALS = join(",", concat([google_service_account.function["deploy"].email], var.ignored_principals))
    TRANSSHIP_KEEP_WARM          = join(",", var.keep_warm)
    TRANSSHIP_MAX_IMAGE_BYTES    = tostring(var.max_image_bytes)
    TRANSSHIP_MIRRORS            = join(",", [for id in sort(keys(local.mirrors)) : "${local.mirrors[id].upstream}=${local.mirrors[id].prefix}"])
    TRANSSHIP_NOTICES_TOPIC      = google_pubsub_topic.topic["notices"].id
    TRANSSHIP_OUTCOMES_TOPIC     = google_pubsub_topic.topic["outcomes"].id
    TRANSSHIP_PAUSED             = tostring(var.automatic.paused)
    # Cloud Run runs no other. https://docs.cloud.google.com/run/docs/container-contract#languages
    TRANSSHIP_PLATFORM = "linux/amd64"
    # The variable's fields are those of the document; who and where are not its to say.
    TRANSSHIP_POLICY = jsonencode(merge(var.policy, {
      runtime_accounts = sort(concat([for a in google_service_account.runtime : a.email], flatten([for t in local.targets : t.runtime_accounts])))
      targets          = flatten([for project in sort(keys(local.targets)) : [for region in local.targets[project].regions : { project = project, region = region }]])
    }))
    TRANSSHIP_PRIVATE_HOSTS   = join(",", var.private_hosts)
    TRANSSHIP_PROGRESS_TOPIC  = google_pubsub_topic.topic["progress"].id
    TRANSSHIP_PROJECT         = var.project
    TRANSSHIP_QUOTA_FLOOR     = tostring(var.upstream.quota_floor)
    TRANSSHIP_REDEPLOY_TOPIC  = google_pubsub_topic.topic["redeploy"].id
    TRANSSHIP_REGION          = var.region
    TRANSSHIP_REGISTRY_HOSTS  = join(",", var.registry_hosts)
    TRANSSHIP_RUNTIME_ACCOUNT = google_service_account.runtime[local.home].email
    TRANSSHIP_TICK_SECONDS    = tostring(60 * var.sweep_minutes)
    TRANSSHIP_UPSTREAM_RATE   = tostring(var.upstream.rate)
    TRANSSHIP_WARM_TOPIC      = google_pubsub_topic.topic["warm"].id
  }
}
