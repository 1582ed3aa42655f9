# What transship may do with Cloud Run, in each project into which it deploys.
#
# A role on a project covers the functions' own services too when they live there. The code refuses
# functions as targets; a project of their own for what is deployed makes that IAM's word as well.

locals {
  targets = length(var.targets) > 0 ? var.targets : {
    (var.project) = { regions = [var.region], runtime_accounts = [], services = [] }
  }
  # Whose runtime account a request gets that names none.
  home           = contains(keys(local.targets), var.project) ? var.project : sort(keys(local.targets))[0]
  whole_projects = toset([for project, target in local.targets : project if length(target.services) == 0])
  services = merge([
    for project, target in local.targets : {
      for service in target.services : "${project}/${service}" => {
        location = split("/", service)[0], name = split("/", service)[1], project = project
      }
    }
  ]...)
}

# The permissions of roles/run.developer that are used, and no jobs, no worker pools, no delete; no
# operations either: whoever waits reads the service. tests/stack/test_permissions.py says which.
resource "google_project_iam_custom_role" "deployer" {
  for_each = local.targets

  project     = each.key
  role_id     = "transshipDeployer"
  title       = "transship deployer"
  description = "Create and update Cloud Run services, read their revisions and look at them"
  permissions = [
    "run.revisions.get",
    "run.revisions.list",
    # A candidate of a private service is looked at before visitors get it.
    "run.routes.invoke",
    "run.services.create",
    "run.services.get",
    # A message that asks for a closed service needs to know whether it is one.
    "run.services.getIamPolicy",
    "run.services.update",
  ]
}

# Whoever may set a service's IAM policy may give it to anybody: only where services may be public.
# To switch the invoker's check off or on again takes it as well.
# https://cloud.google.com/run/docs/authenticating/public#required_roles
resource "google_project_iam_custom_role" "publisher" {
  for_each = length(var.policy.public) > 0 ? local.targets : {}

  project     = each.key
  role_id     = "transshipPublisher"
  title       = "transship publisher"
  description = "Open Cloud Run services to everybody"
  permissions = [
    "run.services.setIamPolicy",
  ]
}

resource "google_project_iam_custom_role" "watcher" {
  for_each = local.targets

  project     = each.key
  role_id     = "transshipWatcher"
  title       = "transship watcher"
  description = "Find the Cloud Run services that track a tag or have a revision on trial"
  permissions = [
    "run.services.list",
  ]
}

resource "google_project_iam_member" "deployer" {
  for_each = local.whole_projects

  project = each.key
  role    = google_project_iam_custom_role.deployer[each.key].id
  member  = google_service_account.function["deploy"].member
}

resource "google_project_iam_member" "publisher" {
  for_each = length(var.policy.public) > 0 ? local.whole_projects : []

  project = each.key
  role    = google_project_iam_custom_role.publisher[each.key].id
  member  = google_service_account.function["deploy"].member
}

resource "google_project_iam_member" "watcher" {
  for_each = {
    for pair in setproduct(keys(local.targets), ["advance", "refresh", "warm"]) : "${pair[0]}/${pair[1]}" => { account = pair[1], project = pair[0] }
  }

  project = each.value.project
  role    = google_project_iam_custom_role.watcher[each.value.project].id
  member  = google_service_account.function[each.value.account].member
}

resource "google_cloud_run_v2_service_iam_member" "deployer" {
  for_each = local.services

  project  = each.value.project
  location = each.value.location
  name     = each.value.name
  role     = google_project_iam_custom_role.deployer[each.value.project].id
  member   = google_service_account.function["deploy"].member
}

resource "google_cloud_run_v2_service_iam_member" "publisher" {
  for_each = length(var.policy.public) > 0 ? local.services : {}

  project  = each.value.project
  location = each.value.location
  name     = each.value.name
  role     = google_project_iam_custom_role.publisher[each.value.project].id
  member   = google_service_account.function["deploy"].member
}
