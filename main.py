"""The functions' entry points: one per trigger, no logic.

Each is deployed by infra/functions.tf with its name as FUNCTION_TARGET, behind push subscriptions.
HTTP functions rather than CloudEvent functions: docs/adr/0006-http-functions.md.
"""

import os

import flask
import functions_framework

from handlers import boundary, orders
from transship import logs, wiring
from transship.config import Config

logs.configure()

# Read at once: a function with wrong settings does not start, and so loses no event. The clients
# are only made when an event needs them.
_config = Config.from_env(os.environ)
_clients = wiring.Clients(_config)


@functions_framework.http
def deploy_image(request: flask.Request) -> tuple[str, int]:
    """Topics transship-deploy (explicit) and transship-redeploy (automatic)."""
    with logs.request_context(dict(request.headers), project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: orders.handle(delivery, config=_config, parts=_clients.deploy_parts()),
            publish=_clients.publish_outcome,
        )
