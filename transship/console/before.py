"""What a deploy would take the place of, said before somebody sends the form."""

from msgspec import Struct

from transship.console.ports import Parts
from transship.console.states import Mood, Sign
from transship.model.follow import HOLD_KEY, PIN_KEY
from transship.model.naming import ServiceName
from transship.model.note import read_note
from transship.model.reference import Reference
from transship.model.service import Service

_KEPT = 3.0


class Before(Struct, frozen=True, kw_only=True):
    """*exists*: what the form does not name stays as it is."""

    exists: bool
    sign: Sign
    text: str


def before(parts: Parts, name: ServiceName, image: Reference) -> Before:
    """Raises what Cloud Run raises."""
    service = parts.kept.get(
        ("service", str(name)), lambda: parts.services.get(name), seconds=_KEPT
    )
    if service is None:
        return Before(
            exists=False,
            sign=Sign(mood=Mood.GOOD, text="new"),
            text=f"There is no service {name.service} yet: it is made.",
        )
    if service.is_function or not service.is_ours:
        return Before(
            exists=True,
            sign=Sign(mood=Mood.BAD, text="not ours"),
            text=f"{name.service} is there, and transship does not track it: the deploy is"
            " rejected. Name another service.",
        )
    return _of_ours(service, image, _runs(parts, service))


def _runs(parts: Parts, service: Service) -> Reference | None:
    """What visitors get, which is not what is on trial."""
    record = service.record
    if service.kept and service.kept != service.latest_created:
        revision = parts.services.revision(service.name, service.kept)
        record = revision.record if revision else None
    return record.image.unpinned() if record else service.tracks


def _of_ours(service: Service, image: Reference, runs: Reference | None) -> Before:
    name = service.name.service
    stays = "Settings that are not named here stay as they are."
    if runs is not None and runs.name != image.name:
        return Before(
            exists=True,
            sign=Sign(mood=Mood.BAD, text="another image"),
            text=f"{name} {_does(service)} {runs.familiar}, and would run {image.familiar} in its"
            f" place. Name another service to keep both. {stays}",
        )
    held = " It is held, and stays so after this deploy." if _is_held(service) else ""
    return Before(
        exists=True,
        sign=Sign(mood=Mood.HELD if held else Mood.UNKNOWN, text="exists"),
        text=f"{name} is there, and {_does(service)}"
        f" {runs.familiar if runs else 'an image by its digest'}.{held} {stays}",
    )


def _does(service: Service) -> str:
    return "runs" if service.kept else "was given, and never ran,"


def _is_held(service: Service) -> bool:
    return any(read_note(service.annotations, key) for key in (HOLD_KEY, PIN_KEY))
