variable "docker_hub_username" {
  description = "The Docker Hub user whose read-only token is in the secret `docker-hub-token`."
  type        = string
}

variable "project" {
  description = "The project in which everything lives."
  type        = string
}

variable "region" {
  description = "Where everything lives."
  type        = string
  default     = "asia-northeast1"
}
