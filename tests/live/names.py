"""L3: names over the API, what it lists, and which role fills a mirror.

https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.live.experiment import UNTIL_GRANTED, Bench, Cost, Experiment, Failure, Step, tiny
from tests.live.registry import digest_of

_REMOTE = "a remote repository of Docker Hub"
_OFFICIAL = "library/hello-world"
_API = "https://artifactregistry.googleapis.com/v1"


def _escaped_names(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    answer = mirror.registry.pull(_OFFICIAL, "latest")
    digest = digest_of(answer)
    escaped = quote(_OFFICIAL, safe="")
    client = cloud.artifacts
    asked: dict[str, Callable[[], Any]] = {}
    for form, name in (("escaped", escaped), ("plain", _OFFICIAL)):
        image = f"{mirror.parent}/dockerImages/{name}@{digest}"
        package = f"{mirror.parent}/packages/{name}"
        asked |= {
            f"GetDockerImage {form}": partial(client.get_docker_image, name=image),
            f"GetTag {form}": partial(client.get_tag, name=f"{package}/tags/latest"),
            f"ListTags {form}": partial(client.list_tags, parent=package),
        }
    for what, call in asked.items():
        said = bench.said(what, call)
        works = not isinstance(said, Failure)
        bench.answer("U13", **{what: {"works": works, "said": str(said) if works else said.text}})
    rest = cloud.google.ask("GET", f"{_API}/{mirror.parent}/dockerImages/{escaped}@{digest}")
    bench.answer("U13", rest={"status": rest.status, "name": rest.json().get("name")})


def _partly_cached(bench: Bench) -> None:
    cloud, mirror = bench.cloud, bench.ground.mirror()
    image = cloud.probe
    first = cloud.hub.push(image, "listed-cached", tiny(301))
    cloud.hub.push(image, "listed-unasked", tiny(302))
    mirror.registry.pull(image, "listed-cached")
    tags = bench.said(
        "ListTags",
        lambda: [
            each.name.rpartition("/")[2]
            for each in cloud.artifacts.list_tags(parent=mirror.package(image))
        ],
    )
    over_the_registry = mirror.registry.tags(image)
    cloud.hub.push(image, "listed-cached", tiny(303))
    name = f"{mirror.package(image)}/tags/listed-cached"
    held = bench.said("GetTag", lambda: cloud.artifacts.get_tag(name=name).version)
    bench.answer(
        "U14",
        lists_what_was_never_asked_for=not isinstance(tags, Failure) and "listed-unasked" in tags,
        tags_of_the_registry_api=over_the_registry.json().get("tags"),
        follows_a_move=None if isinstance(held, Failure) else not held.endswith(first),
    )


def _make_reader(bench: Bench) -> None:
    bench.notes["reader"] = bench.ground.reader().parent


def _reader_fills(bench: Bench) -> None:
    cloud = bench.cloud
    digest = cloud.hub.push(cloud.probe, "reader", tiny(311))
    answer = bench.ground.reader().registry.pull(cloud.probe, "reader")
    bench.answer(
        "U15", status=answer.status, fills=digest_of(answer) == digest, text=_refusal(answer)
    )


def _refusal(answer: Any) -> str:
    return "" if answer.is_good else str(answer.text())


EXPERIMENTS = (
    Experiment(
        name="escaped-names",
        bundle="L3",
        questions={"U13": "Does the API take library%2Fhello-world over gRPC?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_escaped_names),),
    ),
    Experiment(
        name="listed-tags",
        bundle="L3",
        questions={"U14": "Does the API list what is stored alone, and never ask the upstream?"},
        creates=(_REMOTE,),
        cost=Cost.CENTS,
        steps=(Step(run=_partly_cached),),
    ),
    Experiment(
        name="reader-fills",
        bundle="L3",
        questions={"U15": "Is roles/artifactregistry.reader enough to fill a mirror?"},
        creates=(_REMOTE, "a service account that may read from it"),
        cost=Cost.CENTS,
        steps=(Step(run=_make_reader), Step(run=_reader_fills, after=UNTIL_GRANTED)),
    ),
)
