"""The functions' entry points: one per trigger, no logic.

Each is deployed by infra/functions.tf with its name as FUNCTION_TARGET, behind push subscriptions.
HTTP functions rather than CloudEvent functions: docs/adr/0006-http-functions.md.
"""

import os
from functools import cache

import flask
import functions_framework

from handlers import boundary, deploy
from transship import logs, wiring
from transship.config import Config

logs.configure()


@cache
def _config() -> Config:
    return Config.from_env(os.environ)


@cache
def _clients() -> wiring.Clients:
    return wiring.Clients(_config())


@functions_framework.http
def deploy_image(request: flask.Request) -> tuple[str, int]:
    """Topics transship-deploy (explicit) and transship-redeploy (automatic)."""
    config, clients = _config(), _clients()
    with logs.request_context(dict(request.headers), project=config.project):
        return boundary.settle(
            request,
            lambda delivery: deploy.handle(
                deploy.request_of(delivery, config),
                policy=config.policy,
                mirrors=config.mirrors,
                parts=clients.deploy_parts(),
            ),
            publish=clients.publish_outcome,
        )
