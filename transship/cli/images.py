"""`transship images`, `tags` and `warm`: what the mirror holds, what the upstream has."""

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
import msgspec

from transship.cli import hearing, telling
from transship.cli.deploy import followed, follows, publish_and_hear, told_published
from transship.cli.ending import Ended, Status
from transship.cli.output import size, when
from transship.cli.tools import Tools, own_verb
from transship.deadline import Deadline
from transship.errors import AccessDenied
from transship.model.reference import Reference, parse_reference

if TYPE_CHECKING:
    from transship.clients.contents import Held

_PAGE = 100
# Docker Hub's largest repositories have some ten thousand tags.
_MOST = 20_000


@click.command(short_help="What the mirror holds.")
@click.argument("image", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="The most."
)
@click.option("--all", "everything", is_flag=True, help="Those without a tag as well.")
@own_verb
def images(tools: Tools, image: str | None, *, limit: int, everything: bool) -> None:
    """What the mirror holds: what the Cloud Run console offers to choose from.

    With IMAGE, of that repository alone.
    """
    wanted = _upstream(tools, image).name if image else ""
    found = [
        held
        for mirror in tools.config.mirrors.mirrors
        for held in islice(
            (
                each
                for each in tools.clients.contents.held(mirror)
                if (everything or each.tags) and wanted in {"", each.image.name}
            ),
            limit + 1,
        )
    ]
    if image and not found:
        raise Ended(
            f"the mirror holds nothing of {wanted}: `transship warm {image}` puts it there,"
            f" `transship tags {image}` says what there is upstream"
        )
    shown = sorted(found[:limit], key=lambda held: (held.image.name, held.tags))
    tools.output.rows(
        ("image", "tags", "digest", "size", "since"),
        [_row(held) for held in shown],
        [_document(held) for held in shown],
        empty="the mirror holds nothing of that yet: `transship warm IMAGE` puts an image there",
    )
    if len(found) > limit:
        tools.output.warn(f"there are more than {limit}: give --limit, or name an image")


@click.command(short_help="The tags that an image has upstream.")
@click.argument("image")
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=_PAGE, show_default=True, help="The most."
)
@click.option("--after", default="", help="Begin behind this tag.")
@own_verb
def tags(tools: Tools, image: str, *, limit: int, after: str) -> None:
    """The tags that IMAGE has at its registry, in the registry's order, which is the alphabet's."""
    reference = _upstream(tools, image)
    found: dict[str, None] = {}
    deadline = tools.deadline()
    while len(found) <= limit:
        last = next(reversed(found), after)
        try:
            page = tools.clients.registry.tags(
                reference, after=last, limit=_PAGE, deadline=deadline
            )
        except AccessDenied as error:
            # Docker Hub says the same of what is private and of what is not there; the latter is
            # the likelier, and no right of ours is missing.
            raise Ended(str(error)) from error
        if found.keys() >= set(page):
            # The end, or a registry that does not page.
            break
        found |= dict.fromkeys(page)
    shown = list(found)[:limit]
    tools.output.rows(
        ("tag",),
        [(tag,) for tag in shown],
        [{"image": f"{reference.name}:{tag}", "tag": tag} for tag in shown],
        empty=f"{reference.name} has no tags" + (f" behind {after}" if after else ""),
    )
    if len(found) > limit:
        tools.output.warn(f"there are more: --after {shown[-1]} goes on, --limit shows more")


@click.command(short_help="Pull images through the mirror.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@followed
@own_verb
def warm(tools: Tools, images: tuple[str, ...], *, follow: bool | None, within: float) -> None:
    """Pull each IMAGE through the mirror, so that it is there when it is needed.

    Pulls that deploys may need are kept for them: a warm pull waits then.
    """
    for image in images:
        _upstream(tools, image)
    topic, ends = tools.topic("warm"), Deadline.after(within)
    worst = Status.DONE
    for image in images:
        data = msgspec.json.encode({"kind": "warm", "image": image})
        publish = partial(tools.publish, topic, data, {"kind": "warm"})
        if not follows(tools, follow):
            told_published(tools, topic, publish())
            continue
        heard = publish_and_hear(
            tools, publish, matching=hearing.OF_WARMING, service=None, within=ends.remaining()
        )
        telling.tell(tools.output, heard)
        worst = max(worst, telling.status_of(heard))
    if worst:
        raise click.exceptions.Exit(int(worst))


def _upstream(tools: Tools, image: str) -> Reference:
    """What *image* means, also where it names one of the mirrors."""
    return tools.config.mirrors.upstream_of(parse_reference(image))


def _row(held: "Held") -> tuple[str, ...]:
    return (
        held.image.familiar_name,
        " ".join(held.tags),
        str(held.image.digest),
        # Of an index, the bytes are its own, not the images'.
        "" if "index" in held.media_type or "list" in held.media_type else size(held.bytes),
        when(held.updated),
    )


def _document(held: "Held") -> dict[str, Any]:
    return {
        "image": str(held.image.untagged()),
        "tags": list(held.tags),
        "bytes": held.bytes,
        "media_type": held.media_type,
        "updated": held.updated.isoformat(),
    }
