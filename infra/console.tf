# The page: who comes to it, and what it reads. Beside the messages that it publishes it changes nothing.

locals {
  # Without a page, nobody.
  people = {
    auth      = try(var.console.auth, "iap")
    operators = try(var.console.operators, [])
    viewers   = try(var.console.viewers, [])
  }

  # https://cloud.google.com/iap/docs/signed-headers-howto#verifying_the_jwt_payload
  console_audience = "/projects/${data.google_project.own.number}/locations/${var.region}/services/transship-console"

  # Who may invoke it: IAP's agent, which then says who comes; else each person.
  console_invokers = var.console == null ? [] : local.people.auth == "iap" ? [
    "serviceAccount:service-${data.google_project.own.number}@gcp-sa-iap.iam.gserviceaccount.com",
    ] : [
    for person in distinct(concat(local.people.operators, local.people.viewers)) :
    startswith(person, "@") ? "domain:${trimprefix(person, "@")}" : "user:${person}"
  ]
}

resource "google_cloud_run_v2_service_iam_member" "visitor" {
  for_each = toset(local.console_invokers)

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function["console"].name
  role     = "roles/run.invoker"
  member   = each.key
}

# Port, platform and size are shown before somebody deploys, and what the mirror holds.
resource "google_artifact_registry_repository_iam_member" "console" {
  for_each = var.console == null ? {} : google_artifact_registry_repository.mirror

  project    = var.project
  location   = each.value.location
  repository = each.value.repository_id
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.function["console"].member
}

# Services, their revisions, and whether everybody may invoke the page itself.
resource "google_project_iam_custom_role" "reader" {
  for_each = var.console == null ? [] : setunion(keys(local.targets), [var.project])

  project     = each.key
  role_id     = "transshipReader"
  title       = "transship reader"
  description = "Read Cloud Run services, their revisions and who may invoke them"
  permissions = [
    "run.revisions.list",
    "run.services.get",
    "run.services.getIamPolicy",
    "run.services.list",
  ]
}

resource "google_project_iam_member" "reader" {
  for_each = var.console == null ? {} : local.targets

  project = each.key
  role    = google_project_iam_custom_role.reader[each.key].id
  member  = google_service_account.function["console"].member
}

# The page itself may be in no target.
resource "google_cloud_run_v2_service_iam_member" "page" {
  count = var.console == null ? 0 : 1

  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.function["console"].name
  role     = google_project_iam_custom_role.reader[var.project].id
  member   = google_service_account.function["console"].member
}

# Outcomes and dead letters are read where the functions wrote them.
resource "google_project_iam_member" "log" {
  count = var.console == null ? 0 : 1

  project = var.project
  role    = "roles/logging.viewer"
  member  = google_service_account.function["console"].member
}

resource "google_pubsub_subscription_iam_member" "gravedigger" {
  count = var.console == null ? 0 : 1

  project      = var.project
  subscription = google_pubsub_subscription.dead_letter.name
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.function["console"].member
}

# On which topic a dead letter was: its subscription knows.
resource "google_pubsub_subscription_iam_member" "origin" {
  for_each = var.console == null ? {} : google_pubsub_subscription.push

  project      = var.project
  subscription = each.value.name
  role         = "roles/pubsub.viewer"
  member       = google_service_account.function["console"].member
}
