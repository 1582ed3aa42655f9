"""The networks that a service sends to, in normal form: those of its own project by name alone.

google.cloud.run.v2 VpcAccess: by a connector, or directly into a subnet; never both. A connector is
always spelt out there. The parsers raise ValueError, and take the empty text, which clears.
"""

import re

_NAME = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PROJECT = r"projects/[a-z0-9.:-]+"
_SHORT = re.compile(_NAME)
_CONNECTOR = re.compile(rf"{_PROJECT}/locations/{_NAME}/connectors/{_NAME}")
_NETWORK = re.compile(rf"{_PROJECT}/global/networks/{_NAME}")
_SUBNET = re.compile(rf"{_PROJECT}/regions/{_NAME}/subnetworks/{_NAME}")


def connector_name(text: str, *, project: str, region: str) -> str:
    """
    >>> connector_name("c1", project="sample-project", region="asia-northeast1")
    'projects/sample-project/locations/asia-northeast1/connectors/c1'
    """
    if _SHORT.fullmatch(text):
        return f"projects/{project}/locations/{region}/connectors/{text}"
    _check(text, _CONNECTOR, "projects/P/locations/R/connectors/NAME")
    return text


def network_name(text: str, *, project: str) -> str:
    """
    >>> network_name("projects/sample-project/global/networks/default", project="sample-project")
    'default'
    """
    if not _SHORT.fullmatch(text):
        _check(text, _NETWORK, "projects/P/global/networks/NAME")
    return short_network(text, project=project)


def subnet_name(text: str, *, project: str, region: str) -> str:
    if not _SHORT.fullmatch(text):
        _check(text, _SUBNET, "projects/P/regions/R/subnetworks/NAME")
    return short_subnet(text, project=project, region=region)


def short_network(name: str, *, project: str) -> str:
    """*name* may be anything."""
    return name.removeprefix(f"projects/{project}/global/networks/")


def short_subnet(name: str, *, project: str, region: str) -> str:
    return name.removeprefix(f"projects/{project}/regions/{region}/subnetworks/")


def network_resource(name: str, *, project: str) -> str:
    """The whole name, for policy."""
    return name if "/" in name else f"projects/{project}/global/networks/{name}"


def subnet_resource(name: str, *, project: str, region: str) -> str:
    return name if "/" in name else f"projects/{project}/regions/{region}/subnetworks/{name}"


def _check(text: str, form: re.Pattern[str], right: str) -> None:
    if text and not form.fullmatch(text):
        raise ValueError(f"{text[:200]!r} is wrong; right is a name alone, or {right}")
