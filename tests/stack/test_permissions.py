"""The roles in Terraform are what the functions use: their calls on the local stack say so.

Each function has a relay of its own before Cloud Run, Artifact Registry and Pub/Sub, since the
local stack asks nobody for a permission. One day with everything in it is played, once.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.day import Day, played
from tests.fixtures.permissions import PERMISSIONS, PREDEFINED, UNSEEN
from tools.terraform import roles
from tools.terraform.configuration import Configuration

pytestmark = pytest.mark.stack

INFRA = Path(__file__).parents[2] / "infra"


@pytest.fixture(scope="module")
def infra() -> Configuration:
    return Configuration.read(INFRA)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return played(tmp_path_factory.mktemp("permissions"))


def needed(day: Day, account: str) -> set[str]:
    return {permission for call in day.calls[account] for permission in PERMISSIONS[call]}


def held(infra: Configuration) -> dict[str, set[str]]:
    """Account -> its roles."""
    granted = roles.granted(infra)
    found: dict[str, set[str]] = {}
    for address, accounts in roles.holders(infra).items():
        for account in accounts:
            found.setdefault(account, set()).add(granted[address])
    return found


def functions(infra: Configuration) -> dict[str, dict[str, Any]]:
    declared: dict[str, dict[str, Any]] = infra.local_values()["all_functions"]
    return declared


def test_every_call_has_its_permission(infra: Configuration, day: Day) -> None:
    given = {**PREDEFINED, **roles.permissions(infra)}
    missing = {
        account: needed(day, account) - {each for role in names for each in given[role]}
        for account, names in held(infra).items()
    }

    assert {account: found for account, found in missing.items() if found} == {}


def test_no_role_has_a_permission_that_nobody_needs(infra: Configuration, day: Day) -> None:
    of_role: dict[str, set[str]] = {name: set() for name in roles.permissions(infra)}
    for account, names in held(infra).items():
        for role in names & of_role.keys():
            of_role[role] |= needed(day, account)
    unused = {
        role: all_ - of_role[role] - UNSEEN.get(role, set())
        for role, all_ in roles.permissions(infra).items()
    }

    assert {role: found for role, found in unused.items() if found} == {}


def test_only_to_open_a_service_takes_the_role_that_opens_services(infra: Configuration) -> None:
    """It is granted only where policy lets some service be public; all else works without."""
    assert roles.permissions(infra)["transshipPublisher"] == {"run.services.setIamPolicy"}


def test_nobody_has_a_role_for_nothing(infra: Configuration, day: Day) -> None:
    """Of Google's roles nothing can be taken away, but whoever needs nothing of one."""
    idle = {
        f"{account} {role}"
        for account, names in held(infra).items()
        for role in names
        if PREDEFINED.get(role) and not PREDEFINED[role] & needed(day, account)
    }

    assert idle == set()


def test_each_publishes_where_it_may_and_nowhere_else(infra: Configuration, day: Day) -> None:
    may = {
        function["account"]: set(function["publishes"]) for function in functions(infra).values()
    }
    done = {account: day.topics[account] for account in may}
    # A replay goes to the topic that a dead letter was on, whichever it was.
    replays = {topic for each in functions(infra).values() for topic in each["subscribes"]}
    assert done["console"] <= may["console"]
    done["console"] |= replays & may["console"]

    assert done == may
