# Without these logs no entry of a pull is ever written, and the hints look healthy and never come.
# The resource owns the whole configuration of this one API.
# https://docs.cloud.google.com/artifact-registry/docs/audit-logging
resource "google_project_iam_audit_config" "registry" {
  count = var.audit_logs ? 1 : 0

  project = var.project
  service = "artifactregistry.googleapis.com"

  audit_log_config {
    log_type = "DATA_READ"
  }

  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
