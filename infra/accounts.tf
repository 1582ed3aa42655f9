locals {
  # One account for each function, so that each may do what its own work needs.
  accounts = { for function in local.functions : function.account => function.purpose }
}

resource "google_service_account" "function" {
  for_each = local.accounts

  project      = var.project
  account_id   = "transship-${each.key}"
  display_name = "transship: ${each.key}"
  description  = each.value

  depends_on = [google_project_service.api]
}

# The identity in Pub/Sub's requests: the one invoker of the functions that it pushes to.
resource "google_service_account" "push" {
  project      = var.project
  account_id   = "transship-push"
  display_name = "transship: push"
  description  = "Pub/Sub's requests to the functions carry its token"

  depends_on = [google_project_service.api]
}

resource "google_service_account" "build" {
  project      = var.project
  account_id   = "transship-build"
  display_name = "transship: build"
  description  = "Builds the functions, instead of the default compute account"

  depends_on = [google_project_service.api]
}

resource "google_project_iam_member" "build" {
  project = var.project
  role    = "roles/run.builder"
  member  = google_service_account.build.member
}

# Services that name no account run as this one. It has no role, so an image that nobody here has
# read can do nothing here. It lives beside the services: organisations forbid accounts of other
# projects by default (iam.disableCrossProjectServiceAccountUsage).
resource "google_service_account" "runtime" {
  for_each = local.targets

  project      = each.key
  account_id   = "transship-runtime"
  display_name = "transship: runtime"
  description  = "Has no role; services that transship deploys run as it unless they name another"

  depends_on = [google_project_service.api]
}

# actAs on exactly the accounts that the policy lists.
resource "google_service_account_iam_member" "runtime" {
  for_each = local.targets

  service_account_id = google_service_account.runtime[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function["deploy"].member
}

resource "google_service_account_iam_member" "named" {
  for_each = {
    for pair in flatten([for project, target in local.targets : [for account in target.runtime_accounts : { account = account, project = project }]]) :
    pair.account => "projects/${pair.project}/serviceAccounts/${pair.account}"...
  }

  service_account_id = each.value[0]
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function["deploy"].member
}
