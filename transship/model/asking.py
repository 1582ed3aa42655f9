"""What a deploy wants of the policy."""

from transship.model.policy import Ask
from transship.model.policy_reach import reached_by
from transship.model.request import Deploy


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
        reached=reached_by(settings, secrets, deploy.service),
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
