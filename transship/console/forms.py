"""What a form says, as the message that anybody could publish, and as the commands that do so."""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from transship.config import Config
from transship.errors import InvalidEvent
from transship.model.messages import decode_message
from transship.model.naming import ServiceName, default_service
from transship.model.reference import Reference, parse_reference

# The buttons, each a kind of message, with the fields that they may send beside the service.
BUTTONS: Mapping[str, tuple[str, ...]] = {
    "hold": (),
    "release": (),
    "pin": (),
    "skip": ("digest",),
    "rollback": ("revision",),
    "clear": ("digest",),
    "untrack": (),
}
_LONGEST = 1024


class Form(Struct, frozen=True, kw_only=True):
    """*document* is the message. *service* may be another's project and region."""

    document: Mapping[str, Any]
    service: ServiceName
    # Of a deploy.
    image: Reference | None = None

    @property
    def data(self) -> bytes:
        return msgspec.json.encode(self.document)

    def attributes(self, by: str) -> dict[str, str]:
        kind = str(self.document.get("kind", "deploy"))
        return {"kind": kind, "service": self.service.service, "by": by}

    @property
    def pretty(self) -> str:
        return msgspec.json.format(self.data, indent=2).decode()


def deploy_form(config: Config, fields: Mapping[str, str]) -> Form:
    """Raises InvalidEvent and InvalidReference, which name the field."""
    said = {name: text.strip()[:_LONGEST] for name, text in fields.items()}
    image = said.get("image", "")
    # What is meant must be an image before its name can name a service.
    reference = config.mirrors.upstream_of(parse_reference(image))
    service = said.get("service") or default_service(reference)
    document: dict[str, Any] = {"image": image, "service": service}
    if port := said.get("port"):
        if not port.isdecimal():
            raise InvalidEvent(f"{port!r} is no port; right is a number, 80 - at `$.port`")
        document["port"] = int(port)
    if said.get("public"):
        document["allow_unauthenticated"] = True
    if said.get("candidate"):
        document["strategy"] = "candidate"
    name = ServiceName(project=config.project, region=config.region, service=service)
    return _checked(Form(document=document, service=name, image=reference))


def steering_form(kind: str, name: ServiceName, fields: Mapping[str, str], *, by: str) -> Form:
    """*kind* is one of BUTTONS. Raises InvalidEvent, which names the field."""
    named = {field: fields.get(field, "").strip() for field in (*BUTTONS[kind], "why")}
    document = {
        "kind": kind,
        "service": name.service,
        "project": name.project,
        "region": name.region,
        "by": by[:200],
        **{field: text for field, text in named.items() if text},
    }
    return _checked(Form(document=document, service=name))


def commands(config: Config, form: Form) -> dict[str, str]:
    """The same by other means, for a shell."""
    topic = config.deploy_topic.rpartition("/")[2]
    message = msgspec.json.encode(form.document).decode()
    return {
        "gcloud": f"gcloud pubsub topics publish {topic} --project={config.project}"
        f" --message={shlex.quote(message)}",
        "transship": _command(form.document),
    }


def _command(document: Mapping[str, Any]) -> str:
    if "kind" in document:
        given = [document[name] for name in ("digest",) if document["kind"] == "skip"]
        words = [document["kind"], document["service"], *given]
        options = {"project", "region", "revision", "why"}
        if document["kind"] != "skip":
            options |= {"digest"}
    else:
        words = ["deploy", document["image"]]
        options = {"service", "port", "allow_unauthenticated", "strategy"}
    flags = [
        f"--{name.replace('_', '-')}" if value is True else f"--{name}={value}"
        for name, value in document.items()
        if name in options
    ]
    return shlex.join(["transship", *map(str, words), *flags])


def _checked(form: Form) -> Form:
    decode_message(form.data)
    return form
