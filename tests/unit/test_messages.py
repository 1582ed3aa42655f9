"""What is a message and what is none: the decoder, and the schema that others validate with."""

import json
from contextlib import suppress
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Struct

from tools import schema
from transship.errors import InvalidEvent
from transship.model.messages import DeployRequest, decode_message, json_schema
from transship.model.wire import MESSAGE_LIMIT

PROPERTY = settings(derandomize=True, deadline=None)
DIGEST = f"sha256:{'0' * 64}"

GOOD: list[dict[str, Any]] = [
    {"image": "nginx"},
    {"kind": "deploy", "image": "nginx:1.27"},
    {
        "image": "nginx",
        "service": "web",
        "project": "sample-project",
        "region": "asia-northeast1",
        "allow_unauthenticated": False,
        "args": ["-v"],
        "command": [],
        "concurrency": 1000,
        "cpu": 0.5,
        "env_vars": {"A_1.b-c": ""},
        "ingress": "internal",
        "labels": {"team": "a"},
        "max_instances": 1,
        "memory": "512Mi",
        "min_instances": 0,
        "port": 65535,
        "service_account": "a@b.iam.gserviceaccount.com",
        "timeout": "5m",
        "track": False,
        "adopt": True,
        "dry_run": True,
        "requested_at": "2026-11-24T12:00:00Z",
    },
    {"image": "nginx", "update_env_vars": {"A": "1"}, "remove_env_vars": ["B"]},
    {"image": "nginx", "cpu": "500m", "timeout": 300},
    {"image": "nginx", "scaling": "auto", "binary_authorization": "", "liveness_probe": {}},
    {
        "image": "nginx",
        "scaling": 0,
        "secrets": {"A_1.b-c": "key:latest", "/etc/keys/a.b": "projects/p/secrets/key:1"},
        "volumes": {
            "a": {"type": "in-memory", "mount_path": "/a"},
            "b": {"type": "cloud-storage", "mount_path": "/b/c", "bucket": "files.example.com"},
            "c": {"type": "nfs", "mount_path": "/c", "location": "nfs.example.com:/"},
        },
        "startup_probe": {"http_get": {"path": "/up?a=b", "port": 80}, "period_seconds": 240},
        "readiness_probe": {"grpc": {"service": "a.B"}},
    },
    {"kind": "hold", "service": "web"},
    {"kind": "skip", "service": "web", "digest": DIGEST},
]

# A message, and what the error says about it.
BAD: list[tuple[Any, str]] = [
    ({}, "missing required field `image`"),
    ([], "got `array` - at `$`"),
    ("nginx", "got `str` - at `$`"),
    (None, "got `null` - at `$`"),
    ({"image": None}, "Expected `str`, got `null` - at `$.image`"),
    ({"image": ""}, "length >= 1 - at `$.image`"),
    ({"image": "x" * 1025}, "length <= 1024 - at `$.image`"),
    ({"image": "nginx", "port": 0}, ">= 1 - at `$.port`"),
    ({"image": "nginx", "port": "80"}, "Expected `int`, got `str` - at `$.port`"),
    ({"image": "nginx", "port": True}, "got `bool` - at `$.port`"),
    ({"image": "nginx", "service": None}, "Expected `str`, got `null` - at `$.service`"),
    ({"image": "nginx", "track": None}, "Expected `bool`, got `null` - at `$.track`"),
    ({"image": "nginx", "track": "yes"}, "Expected `bool`, got `str` - at `$.track`"),
    ({"image": "nginx", "ingress": "everybody"}, "'everybody' - at `$.ingress`"),
    ({"image": "nginx", "env_vars": {"1A": "x"}}, "`$.env_vars`"),
    ({"image": "nginx", "env_vars": {"A": 1}}, "Expected `str`, got `int` - at `$.env_vars[...]`"),
    ({"image": "nginx", "env_vars": ["A=1"]}, "Expected `object`, got `array` - at `$.env_vars`"),
    ({"image": "nginx", "labels": {"Team": "a"}}, "`$.labels`"),
    ({"image": "nginx", "args": "-v"}, "Expected `array`, got `str` - at `$.args`"),
    ({"image": "nginx", "max_instances": 0}, ">= 1 - at `$.max_instances`"),
    ({"image": "nginx", "imag": "x"}, "unknown field `imag`; did you mean `image`?"),
    ({"image": "nginx", "zzz": "x"}, "unknown field `zzz`"),
    ({"image": "nginx", "scaling": "manual"}, "`$.scaling`"),
    ({"image": "nginx", "secrets": {"A": "key"}}, "`$.secrets[...]`"),
    ({"image": "nginx", "secrets": {"/key": "key:1"}}, "`$.secrets`"),
    ({"image": "nginx", "secrets": {"/a/../:": "key:1"}}, "`$.secrets`"),
    (
        {"image": "nginx", "volumes": {"a": {"type": "secret", "mount_path": "/a"}}},
        "'secret' - at `$.volumes[...].type`",
    ),
    (
        {"image": "nginx", "volumes": {"a": {"type": "in-memory"}}},
        "missing required field `mount_path`",
    ),
    ({"image": "nginx", "volumes": {"A": {"type": "in-memory", "mount_path": "/a"}}}, "$.volumes"),
    ({"image": "nginx", "liveness_probe": {"http_get": {"path": "up"}}}, ".http_get.path`"),
    ({"image": "nginx", "liveness_probe": {"exec": {}}}, "unknown field `exec`"),
    ({"image": "nginx", "liveness_probe": None}, "got `null` - at `$.liveness_probe`"),
    ({"image": "nginx", "vpc_egress": "all"}, "'all' - at `$.vpc_egress`"),
    ({"image": "nginx", "network_tags": ["Web"]}, "`$.network_tags[0]`"),
    ({"kind": "remove", "service": "web"}, "unknown kind 'remove'; right is one of deploy, track"),
    ({"kind": 5, "image": "nginx"}, "unknown kind 5"),
    ({"kind": "hold"}, "missing required field `service`"),
    ({"kind": "skip", "service": "web"}, "missing required field `digest`"),
]

# Right in structure, and wrong to the decoder alone: JSON Schema's "format" only annotates.
WRONG_IN_MEANING = [
    ({"image": "nginx", "requested_at": "yesterday"}, "`$.requested_at`"),
    ({"image": "nginx", "requested_at": "2026-11-24T12:00:00"}, "timezone"),
]


PROBES_THAT_ARE_NONE = [
    ({"http_get": {}, "grpc": {}}, "not http_get and grpc"),
    ({"period_seconds": 5}, "has no other options"),
    ({"http_get": {}, "timeout_seconds": 11}, "timeout_seconds 11 is over period_seconds 10"),
]


def is_valid(document: Any) -> bool:
    validator = jsonschema.Draft202012Validator(json_schema())
    return bool(validator.is_valid(document))


def refusal(document: Any) -> str:
    with pytest.raises(InvalidEvent) as refused:
        decode_message(json.dumps(document).encode())
    return str(refused.value)


@pytest.mark.parametrize("document", GOOD)
def test_a_good_message_is_taken_by_the_decoder_and_by_the_schema(document: Any) -> None:
    decode_message(json.dumps(document).encode())
    assert is_valid(document)


@pytest.mark.parametrize(("document", "says"), BAD)
def test_a_bad_message_is_refused_by_both_and_the_error_names_the_field(
    document: Any, says: str
) -> None:
    assert says in refusal(document)
    assert not is_valid(document)


@pytest.mark.parametrize(("document", "says"), WRONG_IN_MEANING)
def test_a_time_must_be_one_and_have_a_zone(document: Any, says: str) -> None:
    assert says in refusal(document)


@pytest.mark.parametrize(("probe", "says"), PROBES_THAT_ARE_NONE)
def test_a_probe_is_of_one_kind_and_its_numbers_fit(probe: dict[str, Any], says: str) -> None:
    said = refusal({"image": "nginx", "startup_probe": probe})
    assert says in said
    assert "`$.startup_probe`" in said


def test_what_is_absent_is_told_from_what_is_empty() -> None:
    absent = decode_message(b'{"image": "nginx"}')
    empty = decode_message(b'{"image": "nginx", "env_vars": {}, "args": []}')

    assert isinstance(absent, DeployRequest)
    assert isinstance(empty, DeployRequest)
    assert (absent.env_vars, absent.args, absent.port) == (UNSET, UNSET, UNSET)
    assert (empty.env_vars, empty.args) == ({}, [])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{nope", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"image": "\xc3\x28"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (MESSAGE_LIMIT + 1), f"{MESSAGE_LIMIT + 1} bytes, over {MESSAGE_LIMIT}"),
    ],
)
def test_what_is_not_json_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InvalidEvent, match=says):
        decode_message(data)


def test_a_name_does_not_end_with_a_line_break() -> None:
    assert "`$.env_vars`" in refusal({"image": "nginx", "env_vars": {"A\n": "1"}})


@PROPERTY
@given(st.binary())
def test_bytes_are_a_message_or_refused_and_nothing_else_happens(data: bytes) -> None:
    with suppress(InvalidEvent):
        assert isinstance(decode_message(data), Struct)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@PROPERTY
@given(st.dictionaries(st.sampled_from(list(DeployRequest.__struct_fields__)), _JSON, max_size=4))
def test_whatever_the_decoder_takes_the_schema_takes(fields: dict[str, Any]) -> None:
    document = {**fields, "image": "nginx"}
    try:
        decode_message(json.dumps(document).encode())
    except InvalidEvent:
        return
    assert is_valid(document)


def test_the_committed_schema_is_what_the_types_say() -> None:
    assert schema.main(["--check"]) == 0
