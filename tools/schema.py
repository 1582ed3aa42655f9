"""docs/messages.schema.json, made of the messages' types: ``python -m tools.schema [--check]``.

Committed, so that editors and other languages have it without Python; ``--check`` fails where it
is not what the types say.
"""

import argparse
import json
import sys
from pathlib import Path

from transship.model.messages import json_schema

SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "messages.schema.json"


def rendered() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args(arguments).check:
        SCHEMA.write_text(rendered())
        return 0
    if SCHEMA.read_text() == rendered():
        return 0
    print(f"{SCHEMA.name} is not what the types say; right is: python -m tools.schema")
    return 1


if __name__ == "__main__":
    sys.exit(main())
