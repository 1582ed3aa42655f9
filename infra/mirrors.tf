locals {
  mirrors = {
    for id, mirror in var.mirrors : id => merge(mirror, {
      location = coalesce(mirror.location, var.region)
      # In a path the colon of a domain-scoped project becomes a slash.
      # https://docs.cloud.google.com/artifact-registry/docs/docker/names#domain
      prefix = "${coalesce(mirror.location, var.region)}-docker.pkg.dev/${replace(var.project, ":", "/")}/${id}"
    })
  }
}

# No DELETE policy unless asked for: a version that the upstream has deleted cannot be fetched again,
# and a revision that names it then cannot start.
resource "google_artifact_registry_repository" "mirror" {
  for_each = local.mirrors

  project                = var.project
  location               = each.value.location
  repository_id          = each.key
  description            = "transship's mirror of ${each.value.upstream}"
  format                 = "DOCKER"
  mode                   = "REMOTE_REPOSITORY"
  labels                 = var.labels
  cleanup_policy_dry_run = each.value.cleanup_dry_run

  remote_repository_config {
    description = each.value.upstream

    dynamic "docker_repository" {
      for_each = each.value.upstream == "docker.io" ? [each.value.upstream] : []
      content {
        public_repository = "DOCKER_HUB"
      }
    }

    dynamic "common_repository" {
      for_each = each.value.upstream == "docker.io" ? [] : [each.value.upstream]
      content {
        uri = "https://${common_repository.value}"
      }
    }

    dynamic "upstream_credentials" {
      for_each = each.value.credentials == null ? [] : [each.value.credentials]
      content {
        username_password_credentials {
          username                = upstream_credentials.value.username
          password_secret_version = "projects/${var.project}/secrets/${upstream_credentials.value.secret}/versions/latest"
        }
      }
    }
  }

  dynamic "cleanup_policies" {
    for_each = each.value.untagged_older_than == null ? [] : [each.value.untagged_older_than]
    content {
      id     = "untagged"
      action = "DELETE"
      condition {
        tag_state  = "UNTAGGED"
        older_than = cleanup_policies.value
      }
    }
  }

  # Artifact Registry tries the credentials when the repository is made.
  depends_on = [google_project_service.api, google_secret_manager_secret_iam_member.mirror]
}

resource "google_artifact_registry_repository" "virtual" {
  count = var.virtual_repository == null ? 0 : 1

  project       = var.project
  location      = var.region
  repository_id = var.virtual_repository
  description   = "The mirrors of ${var.region} behind one name"
  format        = "DOCKER"
  mode          = "VIRTUAL_REPOSITORY"
  labels        = var.labels

  virtual_repository_config {
    # A virtual repository and its upstreams have one location.
    dynamic "upstream_policies" {
      for_each = [for id in sort(keys(local.mirrors)) : id if local.mirrors[id].location == var.region]
      content {
        id         = upstream_policies.value
        repository = google_artifact_registry_repository.mirror[upstream_policies.value].id
        priority   = 100 - upstream_policies.key
      }
    }
  }
}

# Whoever proves an image pulls it: the deployer, since Cloud Run checks that the one who deploys may
# read, and the warmer.
resource "google_artifact_registry_repository_iam_member" "puller" {
  for_each = {
    for pair in setproduct(keys(local.mirrors), ["deploy", "warm"]) : "${pair[0]}/${pair[1]}" => { mirror = pair[0], account = pair[1] }
  }

  project    = var.project
  location   = google_artifact_registry_repository.mirror[each.value.mirror].location
  repository = google_artifact_registry_repository.mirror[each.value.mirror].repository_id
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.function[each.value.account].member
}

data "google_project" "reader" {
  for_each   = setsubtract(setunion(keys(local.targets), var.readers), [var.project])
  project_id = each.key
}

# Cloud Run pulls as the agent of the project that deploys. In the mirror's own project the agent's
# role already reads. https://docs.cloud.google.com/artifact-registry/docs/integrate-cloud-run
resource "google_artifact_registry_repository_iam_member" "cloud_run" {
  for_each = {
    for pair in setproduct(keys(local.mirrors), keys(data.google_project.reader)) : "${pair[0]}/${pair[1]}" => { mirror = pair[0], project = pair[1] }
  }

  project    = var.project
  location   = google_artifact_registry_repository.mirror[each.value.mirror].location
  repository = google_artifact_registry_repository.mirror[each.value.mirror].repository_id
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:service-${data.google_project.reader[each.value.project].number}@serverless-robot-prod.iam.gserviceaccount.com"
}

check "credentials" {
  assert {
    condition     = alltrue([for m in var.mirrors : m.credentials != null || m.upstream != "docker.io"])
    error_message = "The mirror of docker.io has no credentials: it shares Docker Hub's anonymous limit with every other tenant behind the same addresses and will see toomanyrequests. Name mirrors[*].credentials."
  }
}
