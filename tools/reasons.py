"""docs/reasons.md, made of the reasons themselves: ``python -m tools.reasons [--check]``."""

import argparse
import sys
from pathlib import Path

from transship.model.reason import Reason, Underway

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reasons.md"

_BEGINNING = """\
# Reasons

Every outcome says in one word why an event ended as it did.
The same word stands in the log.
While it keeps a service from following its tag it also stands on the service, `transship.dev/why`.
`upstream_unavailable` and `quota` pass by themselves and are only said.

<!-- made by python -m tools.reasons from transship/model/reason.py -->

| reason | what clears it |
| --- | --- |
"""


_UNDERWAY = """
What is on its way by itself, said of a service by `transship status`, `transship why` and the page,
and never the end of an event:

| word | what clears it |
| --- | --- |
"""


def rendered() -> str:
    return _BEGINNING + _rows(Reason) + _UNDERWAY + _rows(Underway)


def _rows(words: type[Reason] | type[Underway]) -> str:
    return "".join(f"| `{word.value}` | {word.help} |\n" for word in words)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(rendered())
        return 0
    if PAGE.exists() and PAGE.read_text() == rendered():
        return 0
    print(f"{PAGE.name} is not what the code says; right is: python -m tools.reasons")
    return 1


if __name__ == "__main__":
    sys.exit(main())
