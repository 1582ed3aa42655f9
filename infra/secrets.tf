# The secrets are made by hand, before the first apply: no token passes through Terraform or its state.

locals {
  secrets = {
    for variable, secret in {
      TRANSSHIP_CONSOLE_KEYS         = var.console == null ? null : var.console.keys_secret
      TRANSSHIP_NOTIFY               = var.notify_secret
      TRANSSHIP_UPSTREAM_CREDENTIALS = var.upstream.credentials_secret
      TRANSSHIP_WEBHOOK_SECRETS      = var.webhook_secret
    } : variable => secret if secret != null
  }
}

resource "google_secret_manager_secret_iam_member" "mirror" {
  for_each = toset([for m in var.mirrors : m.credentials.secret if m.credentials != null])

  project   = var.project
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = local.registry_agent
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = merge([
    for name, function in local.functions : {
      for variable in function.secrets : "${name}/${variable}" => { account = function.account, secret = local.secrets[variable] }
      if contains(keys(local.secrets), variable)
    }
  ]...)

  project   = var.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.account].member

  depends_on = [google_project_service.api]
}
