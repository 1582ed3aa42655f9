"""Terraform without a network: the checks of ``infra/`` that need no account and no registry."""
