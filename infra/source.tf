# The functions' source: an archive that tools/archive.py writes, the same bytes for the same tree.

locals {
  archive = coalesce(var.archive, "${path.module}/../build/transship.zip")
}

resource "google_storage_bucket" "source" {
  project = var.project
  # A project's id is nobody else's, so neither is this name.
  name                        = "${replace(var.project, "/[.:]/", "-")}-transship-source"
  location                    = var.region
  labels                      = var.labels
  force_destroy               = true
  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true

  depends_on = [google_project_service.api]
}

# Named after its content: another archive is another object, and the functions are built again.
resource "google_storage_bucket_object" "source" {
  bucket       = google_storage_bucket.source.name
  name         = "transship-${filesha256(local.archive)}.zip"
  source       = local.archive
  content_type = "application/zip"
}
