"""Each table of docs/benchmarks.md by one command.

python -m bench                    every table
python -m bench pull               that one; its part of the page is replaced
python -m bench pull sweep --tiny  on small inputs, to see that it works; nothing is written
"""

import argparse
from collections.abc import Callable

from bench import calls, cold, day, events, fleet, page, pull, slow, sweep

TABLES: dict[str, Callable[[bool], str]] = {
    "pull": pull.measure,
    "slow": slow.measure,
    "sweep": sweep.measure,
    "day": day.measure,
    "fleet": fleet.measure,
    "calls": calls.measure,
    "cold": cold.measure,
    "events": events.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--tiny", action="store_true", help="small inputs; nothing is written")
    arguments = parser.parse_args()
    if unknown := set(arguments.tables) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    for name in arguments.tables or TABLES:
        text = TABLES[name](arguments.tiny)
        print(text)
        if not arguments.tiny:
            page.put(name, text)


if __name__ == "__main__":
    main()
