"""From the start of a process to its first answer, and to its first event: beside hello."""

import base64
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.functions import HELLO, TARGETS, archived, ask, serving, until_it_answers
from bench.turns import Candidate, Spent, Turns, table, take_turns
from local import world
from tests.fixtures.functions import SITE, Cloud

# Cloud Run's smallest: 256 MiB go with 0.167 vCPU.
_QUOTA = Path("/sys/fs/cgroup/cpu/transship-bench")
_PERIOD, _SHARE = 100_000, 0.167


def measure(tiny: bool) -> str:
    with archived() as main:
        return _measure(main, tiny)


def _measure(main: Path, tiny: bool) -> str:
    repeat, targets = (1, []) if tiny else (5, TARGETS)
    full = take_turns(_starts(main, targets, ()), repeat)
    rows = [_row("2 cores", who, turns, full["hello"]) for who, turns in full.items()]
    says = ""
    if not tiny:
        with _slowed() as before:
            if before:
                slow = take_turns(_starts(main, ["deploy_image", "refresh_services"], before), 2)
                rows += [_row("0.167 vCPU", who, its, slow["hello"]) for who, its in slow.items()]
            else:
                says = "This machine allows no cgroup quota, so 0.167 vCPU was not measured.\n"
    started = table(("on", "function", "start to first answer", "against hello", "target"), rows)
    return f"""\
## Cold start

From the start of the process to its first answer over HTTP. functions-framework serves all of
them: hello is `bench/peers/hello`, ours come out of the archive that is deployed.
{says}
{started}

{_first_deploy(main, tiny)}
"""


def _row(where: str, who: str, turns: Turns, hello: Turns) -> list[object]:
    is_hello = who == "hello"
    ratio = "" if is_hello else f"**{turns.against(hello):.2f}**"
    return [where, who, turns.spread(), ratio, "" if is_hello else "1.15"]


def _starts(main: Path, targets: list[str], before: tuple[str, ...]) -> dict[str, Candidate]:
    sources = {"hello": HELLO, **dict.fromkeys(targets, main)}

    def start(target: str, source: Path) -> Spent:
        began = time.perf_counter()
        with serving(target, source, before=before) as (port, _):
            until_it_answers(port)
            return Spent(seconds=time.perf_counter() - began)

    return {
        target: lambda target=target, source=source: start(target, source)  # type: ignore[misc] # bound here
        for target, source in sources.items()
    }


@contextlib.contextmanager
def _slowed() -> Iterator[tuple[str, ...]]:
    """What to put before a command; nothing where the machine does not allow it."""
    try:
        _QUOTA.mkdir()
        (_QUOTA / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (_QUOTA / "cpu.cfs_quota_us").write_text(str(int(_PERIOD * _SHARE)))
    except OSError:
        with contextlib.suppress(OSError):
            _QUOTA.rmdir()
        yield ()
        return
    try:
        yield ("sh", "-c", f'echo $$ > {_QUOTA}/tasks && exec "$@"', "sh")
    finally:
        _QUOTA.rmdir()


def _first_deploy(main: Path, tiny: bool) -> str:
    """Cold: a process is started for it. Warm: the second in the same process, of a new service."""
    cold, warm, hello = [], [], []
    with tempfile.TemporaryDirectory() as place, Cloud(Path(place)) as cloud:
        for number in range(1 if tiny else 15):
            began = time.perf_counter()
            with serving("hello", HELLO) as (port, _):
                until_it_answers(port)
                ask(port, "POST", "/", b"{}")
                hello.append(Spent(seconds=time.perf_counter() - began))
            began = time.perf_counter()
            with serving("deploy_image", main, cloud.settings()) as (port, _):
                until_it_answers(port)
                _deploy(port, f"cold-{number}")
                cold.append(Spent(seconds=time.perf_counter() - began))
                began = time.perf_counter()
                _deploy(port, f"warm-{number}")
                warm.append(Spent(seconds=time.perf_counter() - began))
    turns = {
        name: Turns(tuple(spent))
        for name, spent in {
            "hello, first answer": hello,
            "cold deploy": cold,
            "warm deploy": warm,
        }.items()
    }
    bound = 1.3 * turns["warm deploy"].seconds + turns["hello, first answer"].seconds
    ratio = turns["cold deploy"].seconds / bound
    rows: list[list[object]] = [
        [name, its.spread(), f"**{ratio:.2f}**" if name == "cold deploy" else ""]
        for name, its in turns.items()
    ]
    return (
        "A deploy's end is waited for: here a service is ready at once or not quite, and the next\n"
        "look is then 0.2 s later; at Cloud Run it takes seconds, cold and warm.\n\n"
        + table(("to a deploy's acknowledgement", "", "against 1.3 x warm + hello"), rows)
    )


def _deploy(port: int, service: str) -> None:
    message = json.dumps({"image": SITE, "service": service}).encode()
    push = {
        "message": {"messageId": service, "data": base64.b64encode(message).decode()},
        "subscription": world.subscription("transship-deploy"),
    }
    status = ask(port, "POST", "/", json.dumps(push).encode())
    if status != 200:
        raise RuntimeError(f"the deploy ends with {status}")
