"""The forms: each publishes the one message that it says, with who sent it, and nothing else."""

from urllib.parse import quote

import flask
import structlog
from werkzeug.exceptions import NotFound

from handlers import console_views
from handlers.console_views import known
from handlers.console_visit import Visit
from transship.console import before, forms, history, letters, outcomes, overview
from transship.console.forms import Form
from transship.console.states import Mood
from transship.errors import PermanentError
from transship.model.dead_letter import Verdict
from transship.model.naming import ServiceName

log = structlog.get_logger()

_VERDICTS = {"replay": Verdict.REPLAYED, "discard": Verdict.DISCARDED}


def deploy(visit: Visit) -> flask.Response:
    """What is wrong, or would surprise, is said beside the form, which keeps what was typed."""
    try:
        form = forms.deploy_form(visit.config, visit.request.form)
    except PermanentError as error:
        return console_views.deploy(visit, wrong=str(error))
    unseen = visit.request.form.get("seen") not in {None, form.service.service}
    if unseen and form.image is not None:
        # Without a script nobody has been told yet what is there.
        found = before.before(visit.parts, form.service, form.image)
        if found.sign.mood is Mood.BAD:
            return console_views.deploy(visit)
    return _published(visit, form)


def steer(visit: Visit, *, project: str, region: str, name: str, kind: str) -> flask.Response:
    if kind not in forms.BUTTONS:
        raise NotFound
    place = known(visit, project, region, name)
    form = forms.steering_form(kind, place, visit.request.form, by=visit.person.email)
    return _published(visit, form)


def judge(visit: Visit, *, letter: str, verdict: str) -> flask.Response:
    if verdict not in _VERDICTS:
        raise NotFound
    letters.judge(visit.config, visit.parts, letter, _VERDICTS[verdict], by=visit.person.email)
    log.info("dead letter judged", dead_letter=letter, verdict=verdict, by=visit.person.email)
    # Replayed, it is still the event that it was.
    return visit.see(f"/events/{quote(letter)}" if verdict == "replay" else "/dead-letters")


def _published(visit: Visit, form: Form) -> flask.Response:
    attributes = form.attributes(visit.person.email)
    event = visit.parts.send(visit.config.deploy_topic)(form.data, attributes)
    log.info("message published", event_id=str(event), **attributes)
    forget(visit, form.service)
    return visit.see(f"/events/{quote(str(event))}?service={quote(form.service.service)}")


def forget(visit: Visit, name: ServiceName) -> None:
    overview.forget(visit.parts)
    history.forget(visit.parts, name)
    outcomes.forget(visit.parts, name)
