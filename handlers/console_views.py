"""The pages that are read: each asks the cloud's records, through answers kept for seconds."""

from http import HTTPStatus

import flask
import msgspec
from werkzeug.exceptions import NotFound

from handlers.console_visit import Part, Visit, part, path_of
from transship.console import before, forms, history, outcomes, overview, picking, shelf
from transship.console import letters as burial
from transship.errors import InvalidEvent, InvalidReference, PermanentError, TransshipError
from transship.model.naming import ServiceName

_RECENT = 12
_OF_SERVICE = 20
_MOST_PAGES = 100


def fleet(visit: Visit) -> flask.Response:
    named = visit.asked("named")
    return visit.page(
        "fleet.html",
        named=named,
        fleet=part(lambda: overview.overview(visit.config, visit.parts, named=named)),
        recent=part(lambda: outcomes.recent(visit.parts, visit.config.project, limit=_RECENT)),
        waiting=part(lambda: burial.waiting(visit.config, visit.parts)),
        path_of=path_of,
    )


def service(visit: Visit, *, project: str, region: str, name: str) -> flask.Response:
    place = known(visit, project, region, name)
    found = history.history(visit.config, visit.parts, place)
    if found is None:
        return visit.page(
            "problem.html",
            status=HTTPStatus.NOT_FOUND,
            reason=f"transship knows of no service {place.service} in {place.region} of"
            f" {place.project}: it has gone, was never made, or is not tracked.",
        )
    return visit.page(
        "service.html",
        found=found,
        name=place,
        ended=part(
            lambda: outcomes.of_service(visit.parts, visit.config.project, place, limit=_OF_SERVICE)
        ),
        path_of=path_of,
    )


def deploy(visit: Visit, *, wrong: str = "") -> flask.Response:
    """Look an image up, then say how it is to run: two steps, since the second needs the first.

    *wrong* is what was wrong with a form that was sent.
    """
    asked = {
        name: visit.asked(name) for name in ("image", "service", "port", "public", "candidate")
    }
    picked, problem, form, commands = None, "", None, {}
    found, there = Part(value=[]), Part()
    if asked["image"]:
        try:
            image = picking.reference(visit.config, asked["image"])
            picked = picking.pick(visit.config, visit.parts, image, spend=visit.person.steers)
            found = part(lambda: picking.tags(visit.config, visit.parts, image))
            form, wrong = _form(visit, asked, picked, wrong)
            named = form.service
            if not wrong:
                commands = forms.commands(visit.config, form)
                there = part(lambda: before.before(visit.parts, named, image))
        except PermanentError as error:
            problem = str(error)
    return visit.page(
        "deploy.html",
        status=HTTPStatus.BAD_REQUEST if problem or wrong else HTTPStatus.OK,
        wrong=wrong,
        asked=asked,
        picked=picked,
        tags=found,
        before=there,
        problem=problem,
        form=form,
        commands=commands,
    )


def _form(
    visit: Visit, asked: dict[str, str], picked: picking.Picked, wrong: str
) -> tuple[forms.Form, str]:
    """What is wrong with the rest does not take away what is known of the image."""
    try:
        return forms.deploy_form(visit.config, _with_port(asked, picked)), wrong
    except InvalidEvent as error:
        known_of_it = _with_port({"image": asked["image"], "port": ""}, picked)
        return forms.deploy_form(visit.config, known_of_it), wrong or str(error)


def _with_port(asked: dict[str, str], picked: picking.Picked) -> dict[str, str]:
    """The one that the image exposes, unless another is named; several are a person's choice."""
    ports = picked.shape.config.exposed_ports if picked.shape else ()
    return asked if asked["port"] or not ports else {**asked, "port": str(ports[0])}


def tags(visit: Visit) -> flask.Response:
    """For the script, as somebody types: ``{"tags": [...]}``, empty where nothing is found."""
    name, _, beginning = visit.asked("image").rpartition(":")
    name, beginning = (name, beginning) if name else (beginning, "")
    try:
        image = picking.reference(visit.config, name)
        found = picking.tags(visit.config, visit.parts, image, beginning=beginning)
    except (TransshipError, InvalidReference):
        # Half a name is no error: somebody is typing.
        found = []
    content = msgspec.json.encode({"name": name, "tags": found})
    return flask.Response(content, mimetype="application/json")


def mirror(visit: Visit) -> flask.Response:
    asked = visit.asked("page")
    page = min(int(asked), _MOST_PAGES) if asked.isdecimal() and int(asked) else 1
    return visit.page(
        "mirror.html", shelf=part(lambda: shelf.shelf(visit.config, visit.parts, page=page))
    )


def letters(visit: Visit) -> flask.Response:
    return visit.page(
        "letters.html", letters=part(lambda: burial.letters(visit.config, visit.parts))
    )


def event(visit: Visit, *, event: str) -> flask.Response:
    """What became of a message; it waits, and reloads itself, until that is known."""
    if not outcomes.is_event(event):
        raise NotFound
    place = visit.asked("service")
    try:
        name = ServiceName(project=visit.config.project, region=visit.config.region, service=place)
    except PermanentError:
        name = None
    found = part(lambda: outcomes.of_event(visit.parts, visit.config.project, event))
    tried = Part()
    if name is not None and not found.value and not found.missing:
        asked = name
        tried = part(lambda: history.on_trial(visit.parts, asked, event))
    return visit.page(
        "event.html",
        event=event,
        found=found,
        name=name,
        on_trial=bool(tried.value),
        path_of=path_of,
    )


def known(visit: Visit, project: str, region: str, name: str) -> ServiceName:
    """Raises NotFound for a place that policy does not name: it is none of our business."""
    try:
        place = ServiceName(project=project, region=region, service=name)
    except PermanentError:
        raise NotFound from None
    if not any(target.matches(place) for target in visit.config.policy.targets):
        raise NotFound
    return place
