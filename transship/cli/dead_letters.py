"""`transship dead-letters`: what was given up, and what is to become of it."""

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from transship.burials import DAYS, Burial, burials, explained, leased
from transship.cli.ending import Ended
from transship.cli.output import when
from transship.cli.tools import Tools, own_verb
from transship.model.dead_letter import DeadLetter, Judged, Verdict, topic_again

if TYPE_CHECKING:
    from transship.clients.subscriptions import Received

_LIMIT = 1000
_SHORT = 60

ids = click.argument("ids", nargs=-1, required=True, metavar="ID...")
again = click.option(
    "--again",
    is_flag=True,
    help="From the record, also where the retained copy is gone or already replayed.",
)


@click.group("dead-letters", short_help="Messages that were given up.")
def dead_letters() -> None:
    """Messages that were given up: look at them, publish them again, or let go of them."""


@dead_letters.command("list")
@click.option("--all", "everything", is_flag=True, help="Those replayed or discarded as well.")
@click.option(
    "--limit", type=click.IntRange(1, _LIMIT), default=100, show_default=True, help="The most."
)
@own_verb
def list_(tools: Tools, *, everything: bool, limit: int) -> None:
    """What was given up in the last thirty days and is not settled."""
    found = _explained(
        tools, [each for each in _burials(tools, limit) if everything or not each.verdict]
    )
    columns = ("id", "given up", "from", "after", "message", "because", "verdict")
    shown = len(columns) if everything else -1
    tools.output.rows(
        columns[:shown],
        [_row(each)[:shown] for each in found],
        [_document(each) for each in found],
        empty=f"no message of the last {DAYS} days waits; --all has those that were settled",
    )


@dead_letters.command
@click.argument("letter", metavar="ID")
@own_verb
def show(tools: Tools, letter: str) -> None:
    """All that is known of one dead letter."""
    (burial,) = _explained(tools, [_burial(tools, letter)])
    if tools.output.json:
        tools.output.document(_document(burial))
        return
    found = burial.letter
    tools.output.facts(
        f"dead letter {found.id}",
        {
            "given up": when(burial.buried_at),
            "by": found.subscription,
            "after": f"{found.deliveries} deliveries" if found.deliveries else "",
            "first published": when(found.published_at),
            "attributes": " ".join(f"{key}={text}" for key, text in found.attributes.items()),
            "message": _text(found),
            "because": burial.reason or "no function has said; the logs of transship-* may",
            "verdict": f"{burial.verdict} by {burial.by or 'somebody'}" if burial.verdict else "",
        },
        good=bool(burial.verdict),
    )


@dead_letters.command
@ids
@click.option(
    "--topic", help="Where to.  [default: the topic that it was on; of `gcr`, transship-hints]"
)
@again
@own_verb
def replay(tools: Tools, ids: tuple[str, ...], *, topic: str | None, again: bool) -> None:
    """Publish dead letters again, to the topic that they were on.

    They keep the time at which they were first published, so that they undo nothing that was asked
    for since, and count as one event however often they are replayed.
    """
    letters = {id_: _unsettled(tools, id_, again=again).letter for id_ in dict.fromkeys(ids)}
    topics = {id_: topic or _origin(tools, letter) for id_, letter in letters.items()}
    subscriptions, retained = tools.clients.subscriptions, _retained(tools)
    with leased(subscriptions, retained, set(letters)) as copies:
        if not again:
            _check_held(letters.keys() - copies.keys())
        for id_, data, attributes in _messages(letters, copies):
            event = tools.publish(topics[id_], data, attributes)
            # The verdict before the copy goes: a crash in between leaves a copy that can be
            # replayed once more, and a replay that comes twice changes nothing.
            _judge(tools, id_, Verdict.REPLAYED)
            if id_ in copies:
                subscriptions.acknowledge(retained, [copies[id_]])
            _told(tools, id_, Verdict.REPLAYED, topic=topics[id_], message_id=event)


@dead_letters.command
@ids
@click.option("--yes", is_flag=True, help="Do not ask.")
@own_verb
def discard(tools: Tools, ids: tuple[str, ...], *, yes: bool) -> None:
    """Let go of dead letters. Their records stay in the log for as long as it keeps them."""
    letters = {id_: _unsettled(tools, id_, again=False).letter for id_ in dict.fromkeys(ids)}
    if not yes and tools.output.is_watched:
        for letter in letters.values():
            tools.output.say(f"{letter.id}  {_text(letter)[:_SHORT]}")
        click.confirm(f"Let go of {len(letters)}?", abort=True, err=True)
    subscriptions, retained = tools.clients.subscriptions, _retained(tools)
    with leased(subscriptions, retained, set(letters)) as copies:
        _check_held(letters.keys() - copies.keys())
        for id_ in letters:
            _judge(tools, id_, Verdict.DISCARDED)
            subscriptions.acknowledge(retained, [copies[id_]])
            _told(tools, id_, Verdict.DISCARDED)


def _burials(tools: Tools, limit: int = _LIMIT) -> list[Burial]:
    log = tools.clients.log_entries
    return burials(log, tools.config.project, limit=limit, deadline=tools.deadline())


def _explained(tools: Tools, found: list[Burial]) -> list[Burial]:
    log = tools.clients.log_entries
    return explained(found, log, tools.config.project, deadline=tools.deadline())


def _burial(tools: Tools, id_: str) -> Burial:
    for burial in _burials(tools):
        if burial.letter.id == id_:
            return burial
    raise Ended(
        f"no dead letter {id_} is on record: `transship dead-letters list` has those that are"
    )


def _unsettled(tools: Tools, id_: str, *, again: bool) -> Burial:
    burial = _burial(tools, id_)
    if burial.verdict and not again:
        raise Ended(
            f"{id_} was {burial.verdict} by {burial.by or 'somebody'} already;"
            " `replay --again` publishes it once more"
        )
    return burial


def _messages(
    letters: Mapping[str, DeadLetter], copies: "Mapping[str, Received]"
) -> list[tuple[str, bytes, dict[str, str]]]:
    """Id, data and attributes of each: the copy's, which are whole, else the record's."""
    messages = []
    for id_, letter in letters.items():
        whole = letter
        if copy := copies.get(id_):
            whole = DeadLetter.of(id_, copy.data, copy.attributes, letter.published_at)
        if whole.data is None:
            raise Ended(f"{id_} is longer than its record, and its retained copy is gone")
        messages.append((id_, whole.data, whole.again()))
    return messages


def _check_held(missing: set[str]) -> None:
    """All or none: nothing is published before every copy is ours."""
    if missing:
        raise Ended(
            f"the retained copy of {', '.join(sorted(missing))} cannot be had: somebody else holds"
            " it for the moment, or it is settled. Nothing was done; try again in a minute, or"
            " `replay --again` publishes from the record"
        )


def _origin(tools: Tools, letter: DeadLetter) -> str:
    topic = letter.subscription and tools.clients.subscriptions.topic_of(letter.subscription)
    # A subscription outlives its topic under another name.
    if not topic or not topic.startswith("projects/"):
        raise Ended(
            f"nobody knows which topic {letter.id} was on"
            f" ({letter.subscription or 'it was published to the dead letters by hand'});"
            " give --topic projects/PROJECT/topics/TOPIC"
        )
    return topic_again(topic)


def _judge(tools: Tools, id_: str, verdict: Verdict) -> None:
    try:
        by = getpass.getuser()
    except (KeyError, OSError):
        by = ""
    judged = Judged(dead_letter=id_, verdict=verdict, by=by)
    tools.publish(tools.topic("dead-letter"), msgspec.json.encode(judged), judged.attributes)


def _told(tools: Tools, id_: str, verdict: Verdict, **more: str) -> None:
    if tools.output.json:
        tools.output.document({"dead_letter": id_, "verdict": verdict.value, **more})
    else:
        where = f" to {more['topic']}" if more else ""
        click.echo(f"{id_} is {verdict.value}{where}")


def _retained(tools: Tools) -> str:
    return f"projects/{tools.config.project}/subscriptions/transship-dead-letter-retained"


def _row(burial: Burial) -> tuple[str, ...]:
    letter = burial.letter
    return (
        letter.id,
        when(burial.buried_at),
        letter.subscription.rpartition("/")[2],
        f"{letter.deliveries} deliveries" if letter.deliveries else "",
        _text(letter),
        burial.reason,
        burial.verdict,
    )


def _text(letter: DeadLetter) -> str:
    if letter.data is None:
        return f"({letter.size} bytes, sha256 {letter.sha256}: too long for the record)"
    return letter.data.decode(errors="replace")


def _document(burial: Burial) -> dict[str, Any]:
    letter = burial.letter
    return {
        **letter.fields(),
        "buried_at": burial.buried_at.isoformat(),
        "verdict": burial.verdict,
        "by": burial.by,
        "reason": burial.reason,
    }
