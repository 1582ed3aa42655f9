# One project owns the mirrors and runs the functions; the teams' projects are deployed into, and
# another project only pulls. Cloud Run's agent of each gets reader on the mirrors and nothing more.
# The API of Cloud Run has to be on in all of them, or the agent does not exist yet.
# Requests name the project, and its runtime account as `service_account` (see the outputs).

provider "google" {
  project = var.project
  region  = var.region
}

module "transship" {
  source = "../.."

  project = var.project
  region  = var.region

  mirrors = {
    docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = var.docker_hub_username } }
    ghcr   = { upstream = "ghcr.io" }
    quay   = { upstream = "quay.io" }
  }
  upstream           = { credentials_secret = "transship-upstream-credentials" }
  virtual_repository = "images"

  targets = { for team in var.teams : team => { regions = [var.region] } }
  readers = var.readers

  policy = { images = ["docker.io/library/*", "ghcr.io/**", "quay.io/**"] }
}
