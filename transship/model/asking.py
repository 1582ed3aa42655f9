"""What a deploy wants of the policy.

Apart from the rules, which every function knows from its start on, with few imports.
"""

from collections.abc import Iterable

from transship.model.naming import ServiceName
from transship.model.network import network_resource, subnet_resource
from transship.model.policy import Ask
from transship.model.policy_reach import Reached
from transship.model.request import Deploy
from transship.model.secrets import parse_version
from transship.model.settings import Pairs, Settings
from transship.model.volumes import CloudStorage, Nfs


def ask_of(deploy: Deploy) -> Ask:
    settings = deploy.settings
    secrets = (*(settings.secrets or ()), *deploy.update_secrets.items())
    return Ask(
        reference=deploy.image,
        service=deploy.service,
        runtime_account=settings.service_account,
        # Either way, everybody gets in.
        public=bool(deploy.public) or settings.invoker_iam_check is False,
        adopt=deploy.adopt,
        breakglass=bool(settings.breakglass)
        or settings.binary_authorization not in (None, "default"),
        reached=_reached_by(settings, secrets, deploy.service),
        cpu=settings.cpu,
        memory=settings.memory,
        timeout=settings.timeout,
        concurrency=settings.concurrency,
        min_instances=settings.min_instances,
        max_instances=settings.max_instances,
        min=settings.min,
        max=settings.max,
        scaling=settings.scaling if isinstance(settings.scaling, int) else None,
        gpu=settings.gpu,
    )


def _reached_by(settings: Settings, secrets: Pairs, service: ServiceName) -> Reached:
    """*secrets* are those that the request names, to replace or to add."""
    volumes = [volume for _, volume in settings.volumes or ()]
    project, region = service.project, service.region
    networks = [
        settings.network and network_resource(settings.network, project=project),
        settings.subnet and subnet_resource(settings.subnet, project=project, region=region),
        settings.vpc_connector,
    ]
    return Reached(
        project=project,
        secrets=_each(_secret_resource(value, project) for _, value in secrets),
        buckets=_each(volume.bucket for volume in volumes if isinstance(volume, CloudStorage)),
        cloudsql_instances=settings.cloudsql_instances or (),
        nfs=_each(volume.location for volume in volumes if isinstance(volume, Nfs)),
        networks=_each(name for name in networks if name),
        network_tags=settings.network_tags or (),
        changes_routes=settings.vpc_egress is not None
        or "" in (settings.network, settings.subnet, settings.vpc_connector),
    )


def _secret_resource(value: str, project: str) -> str:
    secret = parse_version(value)[0]
    return secret if "/" in secret else f"projects/{project}/secrets/{secret}"


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
