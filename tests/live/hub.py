"""L0: which limits Docker Hub has in force, and what it says at their end.

https://docs.docker.com/docker-hub/usage/pulls/
"""

from dataclasses import replace

from tests.live.experiment import Bench, Cost, Experiment, Step
from tests.live.http import Answer
from tests.live.registry import Registry

# Made by Docker to ask for the limits with.
_IMAGE = ("ratelimitpreview/test", "latest")
_HEADERS = ("ratelimit-limit", "ratelimit-remaining", "docker-ratelimit-source")
# More than any limit for one address that was ever published.
_MOST = 250


def _limits(bench: Bench) -> None:
    hub = bench.cloud.hub
    asked = {"anonymous": replace(hub, login=None)}
    if hub.login is not None:
        asked["account"] = hub
    for who, registry in asked.items():
        answer = registry.manifest(*_IMAGE, method="HEAD")
        bench.answer("U20", **{who: _said(answer) | {"status": answer.status}})
    bench.answer("U20", head_is_free=_head_is_free(asked["anonymous"]))


def _head_is_free(registry: Registry) -> bool | None:
    """Whether what is left stays the same over a HEAD; None where nothing is said of it."""
    left = [
        _said(registry.manifest(*_IMAGE, method="HEAD")).get("ratelimit-remaining")
        for _ in range(2)
    ]
    return None if None in left else left[0] == left[1]


def _said(answer: Answer) -> dict[str, str]:
    return {name: answer.headers[name] for name in _HEADERS if name in answer.headers}


def _exhaust(bench: Bench) -> None:
    anonymous = replace(bench.cloud.hub, login=None)
    for count in range(1, _MOST + 1):
        answer = anonymous.manifest(*_IMAGE)
        if answer.status == 429:
            bench.answer(
                "U21",
                pulls=count - 1,
                retry_after=answer.headers.get("Retry-After"),
                headers=_said(answer),
                text=answer.text(),
            )
            return
    bench.answer("U21", pulls=_MOST, retry_after=None, text="no limit was met")


EXPERIMENTS = (
    Experiment(
        name="hub-limits",
        bundle="L0",
        questions={"U20": "Which pull limit is in force, by the headers of a HEAD?"},
        creates=(),
        cost=Cost.NOTHING,
        steps=(Step(run=_limits),),
    ),
    Experiment(
        name="hub-exhausted",
        bundle="L0",
        questions={"U21": "Does Docker Hub's 429 at the pull limit say when to come back?"},
        creates=(f"up to {_MOST} anonymous pulls: nobody behind this address can pull for hours",),
        cost=Cost.NOTHING,
        steps=(Step(run=_exhaust),),
        consent="uses up the anonymous limit of this machine's address",
    ),
)
