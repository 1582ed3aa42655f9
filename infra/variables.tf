variable "alert_channels" {
  description = "Notification channels of the alerts, `projects/PROJECT/notificationChannels/ID`. Without one, incidents are seen in Google's console only."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for c in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", c))])
    error_message = "Each of alert_channels is projects/PROJECT/notificationChannels/ID."
  }
}

variable "archive" {
  description = "The functions' source, made by `python -m tools.archive`. Default: `build/transship.zip` beside this module's folder."
  type        = string
  default     = null
}

variable "audit_logs" {
  description = "Whether this module switches Artifact Registry's data access logs on. Without them no pull is ever heard of and only the sweep finds moved tags; say false only where the organisation's own configuration has DATA_READ and DATA_WRITE."
  type        = bool
  default     = true
  nullable    = false
}

variable "automatic" {
  description = "Automatic deploys: `deploys_per_hour` for each service, and `paused`, which stops them all; explicit ones still work."
  type = object({
    deploys_per_hour = optional(number, 6)
    paused           = optional(bool, false)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.automatic.deploys_per_hour >= 1 && floor(var.automatic.deploys_per_hour) == var.automatic.deploys_per_hour
    error_message = "automatic.deploys_per_hour is a whole number of at least 1; automatic.paused stops them."
  }
}

variable "console" {
  description = "The page; none where it is null. `auth` is `iap` (Identity-Aware Proxy stands before it) or `iam` (Cloud Run checks who invokes it). `keys_secret` is a Secret Manager secret of this project with one or two random secrets, separated by a comma, that sign its forms. `operators` may steer, `viewers` may look: e-mail addresses, and domains as `@example.com`."
  type = object({
    auth        = optional(string, "iap")
    keys_secret = string
    operators   = optional(list(string), [])
    viewers     = optional(list(string), [])
  })
  default = null
  validation {
    condition     = try(contains(["iap", "iam"], var.console.auth), var.console == null)
    error_message = "console.auth is iap or iam."
  }
  validation {
    condition     = alltrue([for person in try(concat(var.console.operators, var.console.viewers), []) : can(regex("^[^@\\s,*]*@[a-z0-9.-]+$", person))])
    error_message = "console.operators and console.viewers are addresses such as ada@example.com, or domains such as @example.com."
  }
}

variable "gcr_topic" {
  description = "The topic `gcr`, to which Artifact Registry publishes pushes: `create` it, use an `existing` one, or `none`. Its name is Google's and there is one in a project."
  type        = string
  default     = "create"
  nullable    = false
  validation {
    condition     = contains(["create", "existing", "none"], var.gcr_topic)
    error_message = "gcr_topic is create, existing or none."
  }
}

variable "hints" {
  description = "How audit log entries arrive: by a log `sink` (every method, retried for days), by `eventarc` (catalogued methods only, one day), or `none`."
  type        = string
  default     = "sink"
  nullable    = false
  validation {
    condition     = contains(["sink", "eventarc", "none"], var.hints)
    error_message = "hints is sink, eventarc or none."
  }
}

variable "ignored_principals" {
  description = "E-mails whose pulls are no hint, beside the deployer's and Cloud Run's own: scanners, builds."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "keep_warm" {
  description = "References that the mirror keeps stocked although no service tracks them, for example `docker.io/library/nginx:1.27`."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for r in var.keep_warm : can(regex("^[a-z0-9.-]+(:[0-9]+)?/[^@]+:[^/@]+$", r))])
    error_message = "Each of keep_warm names registry, repository and tag: docker.io/library/nginx:1.27."
  }
}

variable "labels" {
  description = "Labels of everything that can have labels."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "max_image_bytes" {
  description = "The largest image that is pulled, compressed."
  type        = number
  default     = 10737418240
  nullable    = false
  validation {
    condition     = var.max_image_bytes >= 1048576
    error_message = "max_image_bytes is at least 1048576 (1 MiB)."
  }
}

variable "mirrors" {
  description = <<-EOT
    The remote repositories, by repository id.
    `upstream` is the registry's host; `location` defaults to `region`.
    `credentials` name a Secret Manager secret of this project with the read-only token as its value; the newest version is used, so a new version rotates it.
    `untagged_older_than` (for example `7776000s`) deletes what a moved tag left behind.
    Cleanup cannot know which digests a revision still names: it stays a dry run until `cleanup_dry_run` is false.
  EOT
  type = map(object({
    upstream            = string
    cleanup_dry_run     = optional(bool, true)
    credentials         = optional(object({ secret = string, username = string }))
    location            = optional(string)
    untagged_older_than = optional(string)
  }))
  default  = { docker = { upstream = "docker.io" } }
  nullable = false
  validation {
    condition     = alltrue([for id in keys(var.mirrors) : can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", id))])
    error_message = "A key of mirrors is a repository id: lower-case letters, digits and hyphens, starting with a letter."
  }
  validation {
    condition     = alltrue([for m in var.mirrors : can(regex("^[a-z0-9.-]+(:[0-9]+)?$", m.upstream))])
    error_message = "mirrors[*].upstream is a host such as docker.io or ghcr.io, without https:// and without a path."
  }
  validation {
    condition     = length(distinct([for m in var.mirrors : m.upstream])) == length(var.mirrors)
    error_message = "Each upstream has one mirror."
  }
}

variable "notify_secret" {
  description = "A Secret Manager secret of this project that says where outcomes are told: docs/notifications.md has its JSON. It makes the function that tells them."
  type        = string
  default     = null
}

variable "policy" {
  description = <<-EOT
    What a request may ask for; everything else is rejected.
    `images` are globs over canonical references.
    `adopt`, `breakglass` and `public` are globs over a service's name or its full one, `projects/PROJECT/locations/REGION/services/SERVICE`; `breakglass` lets binary authorization be passed by.
    `secrets` and `networks` (subnets and connectors too) are globs over names in the service's own project or over resource names, `network_tags` over tags.
    `volumes` are globs over buckets, `PROJECT:REGION:NAME` and `SERVER:/PATH`.
    `caps` are the most that a service may take.
    A policy gives no role: what a service's account and Cloud Run's agent need is in docs/security.md.
  EOT
  type = object({
    adopt      = optional(list(string), [])
    breakglass = optional(list(string), [])
    caps = optional(object({
      concurrency   = optional(number, 1000)
      cpu           = optional(string, "2")
      gpu           = optional(number, 0)
      max_instances = optional(number, 10)
      memory        = optional(string, "4Gi")
      min_instances = optional(number, 1)
      timeout       = optional(string, "3600s")
    }), {})
    images       = optional(list(string), ["docker.io/**"])
    network_tags = optional(list(string), [])
    networks     = optional(list(string), [])
    public       = optional(list(string), [])
    secrets      = optional(list(string), [])
    volumes = optional(object({
      buckets            = optional(list(string), [])
      cloudsql_instances = optional(list(string), [])
      nfs                = optional(list(string), [])
    }), {})
  })
  default  = {}
  nullable = false
}

variable "private_hosts" {
  description = "Registry and token hosts that may have private addresses, such as a registry of your own in the VPC."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "project" {
  description = "The project that owns the mirrors and runs the functions."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is a project's id, not its number or name."
  }
}

variable "readers" {
  description = "Projects beside the targets whose Cloud Run may pull from the mirrors."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "region" {
  description = "Where the functions and the mirrors are, and where a request deploys that names no region."
  type        = string
  nullable    = false
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a Cloud Run region such as asia-northeast1."
  }
}

variable "registry_hosts" {
  description = "Registry, token and download hosts that are allowed beside those of Docker Hub and the mirrors' upstreams."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "sweep_minutes" {
  description = "How many minutes lie between two looks at the tags."
  type        = number
  default     = 10
  nullable    = false
  validation {
    # Cron counts within the hour: 7 would be 7, 14, ... 56, and then 60.
    condition     = contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30], var.sweep_minutes)
    error_message = "sweep_minutes divides the hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30."
  }
}

variable "targets" {
  description = <<-EOT
    The projects into which transship deploys, by id; empty means `project` itself, in `region`.
    With `services` (`REGION/SERVICE`) it may change exactly these existing services and create none; without, it may create and change any service of the project.
    `runtime_accounts` are further e-mails that services may run as, beside the role-less one that this module makes in each.
    A request that names no `service_account` gets the role-less one of `project` where that is a target, else of the first target; in another target it has to name that project's.
  EOT
  type = map(object({
    regions          = list(string)
    runtime_accounts = optional(list(string), [])
    services         = optional(set(string), [])
  }))
  default  = {}
  nullable = false
  validation {
    condition     = alltrue([for t in var.targets : length(t.regions) > 0])
    error_message = "Each of targets names at least one region."
  }
  validation {
    condition     = alltrue(flatten([for t in var.targets : [for s in t.services : can(regex("^[a-z]+-[a-z]+[0-9]+/[a-z]([a-z0-9-]{0,47}[a-z0-9])?$", s))]]))
    error_message = "targets[*].services are REGION/SERVICE."
  }
  validation {
    condition     = alltrue(flatten([for t in var.targets : [for a in t.runtime_accounts : can(regex("^[a-z0-9-]+@[a-z0-9.-]+\\.iam\\.gserviceaccount\\.com$", a))]]))
    error_message = "targets[*].runtime_accounts are e-mails of service accounts that somebody made; the default compute account is not among them."
  }
}

variable "upstream" {
  description = <<-EOT
    How the functions ask the upstreams.
    `credentials_secret` is a Secret Manager secret of this project whose value is `{"docker.io": {"username": "...", "password": "..."}}`, the mirror's own read-only token; without it the quota left is unknown.
    `quota_floor` is how many pulls warming leaves for deploys; `rate` is HEAD requests per second and host.
  EOT
  type = object({
    credentials_secret = optional(string)
    quota_floor        = optional(number, 20)
    rate               = optional(number, 5)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.upstream.rate > 0 && var.upstream.rate <= 50
    error_message = "upstream.rate is between 0 and 50 requests per second."
  }
}

variable "virtual_repository" {
  description = "The id of a virtual repository in front of the mirrors, for people and other tools; null for none. transship itself pulls from the mirrors."
  type        = string
  default     = null
}

variable "webhook_secret" {
  description = "A Secret Manager secret of this project with one or two webhook secrets, separated by a comma. It makes the Docker Hub webhook, the one function that is open to the internet."
  type        = string
  default     = null
}
