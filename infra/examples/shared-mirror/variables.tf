variable "docker_hub_username" {
  description = "The Docker Hub user whose read-only token is in the secret `docker-hub-token`."
  type        = string
}

variable "project" {
  description = "The common project: mirrors and functions."
  type        = string
}

variable "readers" {
  description = "Projects that deploy by themselves and only pull from the mirrors."
  type        = set(string)
  default     = []
}

variable "region" {
  description = "Where everything lives."
  type        = string
  default     = "asia-northeast1"
}

variable "teams" {
  description = "The projects into which transship deploys."
  type        = set(string)
}
