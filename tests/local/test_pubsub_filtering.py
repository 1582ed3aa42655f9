import pytest

from local.pubsub.filtering import LIMIT, parse_filter
from local.pubsub.refusal import Refused

EVENT = {"kind": "image", "tag": "1.27", "ce-type": "x.y", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "attributes:kind",
        'attributes:"ce-type"',
        "attributes:ce-type",
        "attributes:empty",
        'attributes.kind = "image"',
        'attributes.kind="image"',
        'attributes.kind != "other"',
        'attributes.absent != "anything"',
        'attributes."ce-type" = "x.y"',
        'hasPrefix(attributes.tag, "1.")',
        'hasPrefix(attributes.empty, "")',
        "NOT attributes:absent",
        "-attributes:absent",
        'attributes:kind AND attributes.tag = "1.27" AND attributes:empty',
        "attributes:absent OR attributes:kind",
        "(attributes:absent OR attributes:kind) AND attributes:tag",
        'NOT (attributes:kind AND attributes.tag = "2")',
    ],
)
def test_a_filter_lets_what_it_describes_pass(text: str) -> None:
    assert parse_filter(text)(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "attributes:absent",
        "attributes:Kind",
        'attributes.kind = "Image"',
        'attributes.kind != "image"',
        'attributes.absent = ""',
        'hasPrefix(attributes.tag, "2.")',
        'hasPrefix(attributes.absent, "")',
        "NOT attributes:kind",
        "-attributes:kind",
        "attributes:kind AND attributes:absent",
        "NOT (attributes:absent OR attributes:kind)",
    ],
)
def test_a_filter_keeps_the_rest_away(text: str) -> None:
    assert not parse_filter(text)(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "kind",
        "attributes",
        "attributes.kind",
        "attributes.kind = image",
        "attributes.kind > 'a'",
        'attributes.kind = "a',
        "attributes:kind and attributes:tag",
        "attributes:kind AND",
        "attributes:kind attributes:tag",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:kind",
        'hasSuffix(attributes.tag, "7")',
        "hasPrefix(attributes.tag)",
        'data = "x"',
        'attributes.AND = "x"',
        'attributes:"' + "k" * LIMIT + '"',
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="filter") as refused:
        parse_filter(text)
    assert refused.value.code.name == "INVALID_ARGUMENT"


def test_a_quoted_value_may_contain_quotes() -> None:
    assert parse_filter(r'attributes.kind = "a \"b\" \\ c"')({"kind": r'a "b" \ c'})
