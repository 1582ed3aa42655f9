terraform {
  required_version = ">= 1.7"

  required_providers {
    google = {
      source = "hashicorp/google"
      # 7.38 rotates a mirror's credentials in place; an older one replaces the mirror, and with it
      # everything it holds. https://github.com/hashicorp/terraform-provider-google/issues/20520
      version = ">= 8.0, < 9"
    }
  }
}
