# What a wrong variable is told before anything is made.

mock_provider "google" {}

variables {
  project = "sample-project"
  region  = "asia-northeast1"
  mirrors = {
    docker = { upstream = "docker.io", credentials = { secret = "docker-hub-token", username = "sample" } }
  }
}

run "an_anonymous_mirror_is_warned_of" {
  command = plan
  variables {
    mirrors = { docker = { upstream = "docker.io" } }
  }
  expect_failures = [check.credentials]
}

run "a_project_is_not_a_number" {
  command = plan
  variables {
    project = "123456789012"
  }
  expect_failures = [var.project]
}

run "a_region_is_not_a_zone" {
  command = plan
  variables {
    region = "asia-northeast1-a"
  }
  expect_failures = [var.region]
}

run "an_upstream_is_a_host" {
  command = plan
  variables {
    mirrors = { ghcr = { upstream = "https://ghcr.io" } }
  }
  expect_failures = [var.mirrors]
}

run "an_upstream_has_one_mirror" {
  command = plan
  variables {
    mirrors = { one = { upstream = "quay.io" }, two = { upstream = "quay.io" } }
  }
  expect_failures = [var.mirrors]
}

run "the_default_compute_account_is_no_runtime_account" {
  command = plan
  variables {
    targets = { sample-project = { regions = ["asia-northeast1"], runtime_accounts = ["123456789012-compute@developer.gserviceaccount.com"] } }
  }
  expect_failures = [var.targets]
}

run "a_listed_service_names_its_region" {
  command = plan
  variables {
    targets = { sample-project = { regions = ["asia-northeast1"], services = ["web"] } }
  }
  expect_failures = [var.targets]
}

run "what_is_kept_warm_has_a_tag" {
  command = plan
  variables {
    keep_warm = ["docker.io/library/nginx"]
  }
  expect_failures = [var.keep_warm]
}

run "a_pace_of_nothing_is_a_pause" {
  command = plan
  variables {
    automatic = { deploys_per_hour = 0 }
  }
  expect_failures = [var.automatic]
}
