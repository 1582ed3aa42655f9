# Everything in one project: the mirror, the functions and the services that they deploy.

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

  policy = {
    images = ["docker.io/dockersamples/*", "docker.io/library/*"]
    public = ["image-from-docker-hub"]
  }
}
