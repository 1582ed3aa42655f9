"""A service as API v1 shows it: Knative's shape, the system's fields as annotations and labels.

https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services
"""

from typing import Any

from local.run.messages import FAILED, LATEST, SUCCEEDED
from local.run.names import short

_INGRESS = {1: "all", 2: "internal", 3: "internal-and-cloud-load-balancing", 4: "none"}
_STATES = {SUCCEEDED: "True", FAILED: "False"}


def labels(message: Any) -> dict[str, str]:
    return {**message.labels, "cloud.googleapis.com/location": message.name.split("/")[3]}


def service(message: Any, namespace: str) -> dict[str, Any]:
    template = message.template
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": short(message.name),
            "namespace": namespace,
            "uid": message.uid,
            "generation": message.generation,
            "resourceVersion": message.etag.strip('"'),
            "creationTimestamp": message.create_time.ToJsonString(),
            "labels": labels(message),
            "annotations": {
                **message.annotations,
                "run.googleapis.com/ingress": _INGRESS.get(message.ingress, "all"),
                "run.googleapis.com/operation-id": message.uid,
                "serving.knative.dev/creator": message.creator,
                "serving.knative.dev/lastModifier": message.last_modifier,
            },
        },
        "spec": {
            "template": {
                "metadata": {
                    "labels": dict(template.labels),
                    "annotations": {
                        **template.annotations,
                        "autoscaling.knative.dev/maxScale": str(
                            template.scaling.max_instance_count
                        ),
                    },
                    **({"name": template.revision} if template.revision else {}),
                },
                "spec": {
                    "containerConcurrency": template.max_instance_request_concurrency,
                    "timeoutSeconds": template.timeout.seconds,
                    "serviceAccountName": template.service_account,
                    "containers": [_container(container) for container in template.containers],
                },
            },
            "traffic": [_target(target) for target in message.traffic],
        },
        "status": _status(message),
    }


def _container(container: Any) -> dict[str, Any]:
    return {
        "image": container.image,
        **({"name": container.name} if container.name else {}),
        **({"command": list(container.command)} if container.command else {}),
        **({"args": list(container.args)} if container.args else {}),
        "env": [{"name": variable.name, "value": variable.value} for variable in container.env],
        "ports": [
            {"name": port.name, "containerPort": port.container_port} for port in container.ports
        ],
        "resources": {"limits": dict(container.resources.limits)},
    }


def _status(message: Any) -> dict[str, Any]:
    latest = short(message.latest_ready_revision)
    return {
        "observedGeneration": message.observed_generation,
        "latestCreatedRevisionName": short(message.latest_created_revision),
        "latestReadyRevisionName": latest,
        "url": message.uri,
        "address": {"url": message.uri},
        "conditions": [
            {
                "type": condition.type_,
                "status": _STATES.get(condition.state, "Unknown"),
                "message": condition.message,
                "lastTransitionTime": condition.last_transition_time.ToJsonString(),
            }
            for condition in (message.terminal_condition, *message.conditions)
        ],
        "traffic": [
            {
                **_target(status),
                "revisionName": latest if status.type_ == LATEST else status.revision,
                **({"url": status.uri} if status.uri else {}),
            }
            for status in message.traffic_statuses
        ],
    }


def _target(target: Any) -> dict[str, Any]:
    return {
        "percent": target.percent,
        **({"latestRevision": True} if target.type_ == LATEST else {}),
        **({"revisionName": target.revision} if target.revision else {}),
        **({"tag": target.tag} if target.tag else {}),
    }
