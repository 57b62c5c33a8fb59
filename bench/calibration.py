"""How far the analyzer's confidence is from how often it is right.

    python -m bench.calibration BENCHMARK PREDICTIONS.jsonl [--json]

BENCHMARK is the folder with the labels and ``score.py``; PREDICTIONS what ``bench.analyzer``
wrote. Prints, for each tenth of confidence, how many framework answers were given in it and how
many of them were right, and the expected calibration error: the mean distance between confidence
and accuracy, weighted by the answers of each tenth.
"""

import argparse
import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any


def answers(benchmark: Path, predictions: Path) -> Iterator[tuple[float, bool]]:
    """(confidence, whether it is right) of the framework answer to each labelled case."""
    scorer = _scorer(benchmark)
    given = {one["id"]: one for one in _lines(predictions)}
    for labels in sorted(benchmark.glob("**/labels.jsonl")):
        for label in _lines(labels):
            answer = given.get(label["id"])
            if answer and "framework" not in label["unscored"]:
                yield answer["confidence"], scorer.judge("framework", label, answer)


def calibration(found: list[tuple[float, bool]]) -> dict[str, Any]:
    """The answers by tenths of confidence, and the expected calibration error."""
    tenths: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, right in found:
        tenths[min(int(confidence * 10), 9)].append((confidence, right))
    rows = [
        {
            "from": tenth / 10,
            "answers": len(inside),
            "right": sum(right for _, right in inside),
            "mean_confidence": round(sum(sure for sure, _ in inside) / len(inside), 3),
        }
        for tenth, inside in sorted(tenths.items())
    ]
    distance = sum(abs(row["right"] - row["mean_confidence"] * row["answers"]) for row in rows)
    return {"tenths": rows, "expected_calibration_error": round(distance / len(found), 4)}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _scorer(benchmark: Path) -> ModuleType:
    sys.path.insert(0, str(benchmark))  # it imports its neighbours
    found = importlib.util.spec_from_file_location("score", benchmark / "score.py")
    if found is None or found.loader is None:
        raise SystemExit(f"{benchmark} holds no score.py.")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = list(answers(given.benchmark, given.predictions))
    if not found:
        parser.error("the predictions answer none of the labelled cases")
    measured = calibration(found)
    if given.json:
        print(json.dumps(measured))
        return 0
    print("confidence  answers  right")
    for row in measured["tenths"]:
        print(f"{row['from']:.1f}         {row['answers']:7}  {row['right']:5}")
    print(f"expected calibration error {measured['expected_calibration_error']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
