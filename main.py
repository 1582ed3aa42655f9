"""The functions' entry points: one per trigger, no logic.

Each is deployed by infra/functions.tf with its name as FUNCTION_TARGET, behind push subscriptions.
HTTP functions rather than CloudEvent functions: docs/adr/0006-http-functions.md. Each loads its own
handler with its first event, and none of the others': docs/adr/0014-speed.md.
"""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import flask
import functions_framework

from handlers import boundary
from transship import logs
from transship.config import Config
from transship.deadline import Deadline
from transship.late import Late

if TYPE_CHECKING:
    from transship.readers import Readers

logs.configure()

# Read at once: a function with wrong settings does not start, and so loses no event. The clients
# are only made when an event needs them.
_config = Config.from_env(os.environ)


def _make_clients() -> "Readers":
    from transship.readers import Readers

    return Readers(_config)


_clients = Late(_make_clients)


@functions_framework.http
def deploy_image(request: flask.Request) -> tuple[str, int]:
    """Topics transship-deploy (explicit) and transship-redeploy (automatic)."""
    from handlers import orders

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: orders.handle(
                delivery,
                config=_config,
                parts=_clients().deploy_parts(),
                progress=_clients().sender(_config.progress_topic)
                if _config.progress_topic
                else None,
            ),
            publish=_clients().publish_outcome,
        )


@functions_framework.http
def refresh_services(request: flask.Request) -> tuple[str, int]:
    """Topics transship-hints and gcr."""
    from handlers import refresh

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: refresh.handle(
                delivery,
                config=_config,
                fleet=_clients().fleet,
                registry=_clients().registry,
                checks=_clients().checks,
                send=_clients().sender(_config.redeploy_topic),
                heat=_clients().sender(_config.warm_topic),
                now=datetime.now(UTC),
                deadline=Deadline.after(refresh.SECONDS),
            ),
            publish=_clients().publish_outcome,
        )


@functions_framework.http
def warm_mirror(request: flask.Request) -> tuple[str, int]:
    """Topic transship-warm: Cloud Scheduler's ticks, their shards, and warm pulls."""
    from handlers import warm

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: warm.handle(delivery, config=_config, parts=_clients().warm_parts()),
            publish=_clients().publish_outcome,
        )


@functions_framework.http
def advance_rollouts(request: flask.Request) -> tuple[str, int]:
    """Topic transship-rollouts: Cloud Scheduler's ticks for revisions on trial."""
    from handlers import advance

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: advance.handle(
                delivery,
                fleet=_clients().fleet,
                send=_clients().sender(_config.redeploy_topic),
                deadline=Deadline.after(advance.SECONDS),
            ),
            publish=_clients().publish_outcome,
        )


@functions_framework.http
def docker_hub_webhook(request: flask.Request) -> tuple[str, int]:
    """Docker Hub's own requests; public, so the path holds a secret."""
    from handlers import webhook

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.admit(
            request,
            lambda path: webhook.may_enter(path, _config.webhook_secrets),
            lambda body: webhook.handle(
                body,
                policy=_config.policy,
                lately=_clients().lately,
                send=_clients().sender(_config.hints_topic),
                now=datetime.now(UTC),
            ),
            limit=webhook.BODY_LIMIT,
        )


@functions_framework.http
def forward_hints(request: flask.Request) -> tuple[str, int]:
    """Eventarc's triggers, where there is no log sink."""
    from handlers import forward

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: forward.handle(delivery, send=_clients().sender(_config.hints_topic)),
            publish=_clients().publish_outcome,
        )


@functions_framework.http
def bury(request: flask.Request) -> tuple[str, int]:
    """Topic transship-dead-letter: what was given up, and what people made of it."""
    from handlers import bury as burial

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(request, burial.handle, publish=_clients().publish_outcome)


@functions_framework.http
def console(request: flask.Request) -> flask.Response:
    """The page, behind IAP or IAM."""
    from handlers import console as page

    with logs.RequestContext(request.headers, project=_config.project):
        return page.handle(request, config=_config, parts=_clients().page)


@functions_framework.http
def notify(request: flask.Request) -> tuple[str, int]:
    """Topics transship-outcomes and transship-notices."""
    from handlers import notify as notification

    with logs.RequestContext(request.headers, project=_config.project):
        return boundary.settle(
            request,
            lambda delivery: notification.handle(
                delivery,
                destinations=_config.notify,
                send=_clients().sender(_config.notices_topic),
                tell=_clients().teller,
            ),
            # What cannot be told is no news either: an outcome of it would come back here.
            publish=notification.nobody,
        )
