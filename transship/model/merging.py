"""What a service has after additions and removals: variables, secrets and labels.

A variable is a secret or is none, and both share their names: what a request says a name is now, it
is. (gcloud refuses to make one the other; the remedy there is to remove it first.)
"""

from collections.abc import Mapping

from msgspec.structs import replace

from transship.model.normal_form import at
from transship.model.request import Deploy
from transship.model.secrets import secrets_of, variables
from transship.model.settings import Pairs, Settings, pairs


def merged_settings(deploy: Deploy, before: Settings) -> Settings:
    """What *deploy* names, merged with what is there *before* where merging was asked for.

    Raises InvalidEvent where secrets that are there and secrets that are added exclude each other.
    """
    settings = deploy.settings
    named_plain = dict(settings.env_vars or ()) | dict(deploy.update_env_vars)
    named_secret = variables(settings.secrets or ()) | dict(deploy.update_secrets)
    if deploy.update_env_vars or deploy.remove_env_vars:
        left = _merged(
            before.env_vars, deploy.update_env_vars, deploy.remove_env_vars | named_secret.keys()
        )
        settings = replace(settings, env_vars=pairs(left))
    if deploy.update_secrets or deploy.remove_secrets:
        left = _merged(
            before.secrets, deploy.update_secrets, deploy.remove_secrets | named_plain.keys()
        )
        with at("update_secrets"):
            secrets = secrets_of(left, project=deploy.service.project)
        settings = replace(settings, secrets=secrets)
    if settings.labels is not None:
        labels = _merged(before.labels, dict(settings.labels), frozenset())
        settings = replace(settings, labels=pairs(labels))
    return settings


def _merged(
    before: Pairs | None, added: Mapping[str, str], removed: frozenset[str] | set[str]
) -> dict[str, str]:
    merged = {**dict(before or ()), **added}
    return {name: value for name, value in merged.items() if name not in removed}
