"""Cloud Run on this machine: the Admin API v2 over gRPC, with containers that really run.

What differs from the live service: one instance a revision, no autoscaling, no egress, no secrets,
no volumes but ``empty_dir``, no h2c, and permissions only where a test injects their absence.
"""

from local.run.behaviour import Behaviour, Call, Fault
from local.run.cloud_run import CloudRun, host_platform

__all__ = ["Behaviour", "Call", "CloudRun", "Fault", "host_platform"]
