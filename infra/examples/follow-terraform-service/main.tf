# Terraform makes the service and keeps its settings; transship changes its image when the tag moves.

provider "google" {
  project = var.project
  region  = var.region
}

module "transship" {
  source = "../.."

  project = var.project
  region  = var.region

  mirrors = {
    docker = {
      upstream    = "docker.io"
      credentials = { secret = "docker-hub-token", username = var.docker_hub_username }
    }
  }
  upstream = { credentials_secret = "transship-upstream-credentials" }

  # Exactly this service, and no right to make another. The references make Terraform create the
  # service and its account before the roles on them.
  targets = {
    (var.project) = {
      regions          = [var.region]
      runtime_accounts = ["${google_service_account.site.account_id}@${var.project}.iam.gserviceaccount.com"]
      services         = ["${var.region}/${google_cloud_run_v2_service.site.name}"]
    }
  }
  policy = {
    adopt  = ["projects/${var.project}/locations/${var.region}/services/site"]
    images = ["docker.io/library/nginx:*"]
  }
}

resource "google_service_account" "site" {
  account_id   = "site"
  display_name = "site"
}

resource "google_cloud_run_v2_service" "site" {
  name     = "site"
  location = var.region

  template {
    service_account = google_service_account.site.email

    scaling {
      max_instance_count = 3
    }

    containers {
      image = "${module.transship.mirrors["docker.io"]}/library/nginx:1.27"

      ports {
        container_port = 80
      }
    }
  }

  lifecycle {
    # The provider writes the whole service, without mask or etag: what transship writes has to be
    # left out of it, or the next apply takes it back.
    # https://github.com/hashicorp/terraform-provider-google/blob/main/google/services/cloudrunv2/resource_cloud_run_v2_service.go
    ignore_changes = [
      annotations,
      client,
      client_version,
      labels,
      template[0].annotations,
      template[0].containers[0].image,
      template[0].labels,
      template[0].revision,
      traffic,
    ]
  }
}
