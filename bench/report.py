"""How the programs of this folder show what they measured."""

import argparse
import json
from collections.abc import Sequence

Value = str | int | float | bool
Record = dict[str, Value]


def arguments(
    description: str | None, *, repeat: int, cases: Sequence[str] = ()
) -> argparse.Namespace:
    """``--json`` and ``--repeat``, which every program has; with ``cases`` also ``--only``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeat", type=int, default=repeat, help="how often (median is shown)")
    if cases:
        parser.add_argument("--only", nargs="+", choices=cases, default=cases, help="these alone")
    return parser.parse_args()


def show(title: str, key: str, records: Sequence[Record], *, as_json: bool) -> None:
    """A table for people, or ``{key: records}`` for programs."""
    if as_json:
        print(json.dumps({key: list(records)}))
        return
    print(title)
    for record in records:
        print("  " + "  ".join(f"{name} {_text(value)}" for name, value in record.items()))


def _text(value: Value) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
