"""Docker Hub images on Cloud Run: deployed by a message, following their tag."""
