"""Dead letters on the page: read from the log, replayed or discarded by whoever leases the copy."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from transship.burials import Burial, burials, explained
from transship.config import Config
from transship.console.ports import Parts
from transship.deadline import Deadline
from transship.errors import Refused
from transship.model.dead_letter import Judged, Verdict, topic_again

_LIMIT = 100
_SECONDS = 20.0
# https://cloud.google.com/logging/quotas#api-limits: sixty reads a minute for all of a project.
_KEPT = 15.0
# Longer than the log takes.
_REMEMBERED = 300.0


class _Named(Struct):
    service: str = ""
    image: str = ""


class Letter(Struct, frozen=True, kw_only=True):
    """*judged* is the verdict that this page has just given: it is on record seconds later."""

    burial: Burial
    judged: str = ""

    @property
    def verdict(self) -> str:
        return self.judged or self.burial.verdict

    @property
    def about(self) -> str:
        """The service or image that the message names."""
        try:
            said = msgspec.json.decode(self.burial.letter.data or b"", type=_Named)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "a message"
        return said.service or said.image or "a message"

    @property
    def text(self) -> str:
        letter = self.burial.letter
        if letter.data is None:
            return f"{letter.size} bytes, sha256 {letter.sha256}: too long for the record"
        return letter.data.decode(errors="replace")


def letters(config: Config, parts: Parts) -> list[Letter]:
    """The newest first, those that are settled among them."""

    def read() -> list[Letter]:
        deadline = Deadline.after(_SECONDS)
        found = burials(parts.log, config.project, limit=_LIMIT, deadline=deadline)
        told = explained(found, parts.log, config.project, deadline=deadline)
        return [Letter(burial=each) for each in reversed(told)]

    found = parts.kept.get("letters", read, seconds=_KEPT)
    return [replace(each, judged=_judged(parts, each.burial.letter.id)) for each in found]


def _judged(parts: Parts, id_: str, verdict: str = "") -> str:
    """What has been said of it lately, or *verdict* from now on."""
    key = ("judged", id_)
    if verdict:
        parts.kept.drop(key)
    seconds = _REMEMBERED if verdict else 0.0
    return parts.kept.get(key, lambda: verdict, seconds=seconds)


def waiting(config: Config, parts: Parts) -> int:
    """How many nobody has replayed or discarded."""
    return sum(not each.verdict for each in letters(config, parts))


def forget(parts: Parts) -> None:
    parts.kept.drop("letters")


def judge(config: Config, parts: Parts, id_: str, verdict: Verdict, *, by: str) -> str:
    """The id of the message that repeats it, or nothing where it was discarded.

    In the order of docs/adr/0010-dead-letters.md: published again, said, and then acknowledged.
    Raises Refused where the copy cannot be had.
    """
    forget(parts)
    found = next(
        (each.burial for each in letters(config, parts) if each.burial.letter.id == id_), None
    )
    if found is None or found.verdict or _judged(parts, id_):
        raise Refused("dead_letter", "it is on no record, or settled already; reload the list")
    letter, event = found.letter, ""
    with parts.retained.leased({id_}) as copies:
        if id_ not in copies:
            raise Refused(
                "dead_letter", "its copy is held by somebody else for the moment, or settled"
            )
        if verdict is Verdict.REPLAYED:
            topic = letter.subscription and parts.retained.topic_of(letter.subscription)
            if not topic or not topic.startswith("projects/"):
                raise Refused(
                    "dead_letter",
                    f"nobody knows which topic it was on; right is `transship dead-letters replay"
                    f" {id_} --topic …`",
                )
            event = str(parts.send(topic_again(topic))(copies[id_].data, letter.again()))
        judged = Judged(dead_letter=id_, verdict=verdict, by=by[:200])
        parts.send(config.dead_letter_topic)(msgspec.json.encode(judged), judged.attributes)
        parts.retained.acknowledge(copies[id_])
    _judged(parts, id_, verdict.value)
    forget(parts)
    return event
