"""Predictions of the analyzer for a labelled benchmark.

    python -m bench.analyzer MANIFEST OUT.jsonl

MANIFEST holds one JSON object a line: ``id``, ``dir`` (the repository's root, relative to the
manifest) and ``path`` (the directory to analyse in it). OUT gets one prediction a line.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import Command, Plan
from autodeploy.services.analyzer.tree import FolderTree

# Of three, the first may load grammars and the files themselves.
REPEAT = 3


def prediction(case_id: str, plan: Plan, milliseconds: float) -> dict[str, object]:
    """One line of the output: every field always there, null for "none"."""
    return {
        "id": case_id,
        "language": plan.language,
        "framework": plan.framework.slug if plan.framework else None,
        "package_manager": plan.package_manager,
        "install": _line(plan.install_command),
        "build": _line(plan.build_command),
        "start": _line(plan.start_command),
        "runtime_version": plan.runtime.version_request if plan.runtime else None,
        "env": [variable.key for variable in plan.environment_variables],
        "ms": round(milliseconds, 3),
        "confidence": plan.framework_confidence,
    }


def predict(manifest: Path, case: dict[str, str]) -> dict[str, object]:
    """The prediction of one case, with the median time of ``REPEAT`` analyses."""
    folder = manifest.parent / case["dir"]
    path = "" if case["path"] == "." else case["path"]
    times = []
    for _ in range(REPEAT):
        started = time.perf_counter()
        plan = analyze(FolderTree(folder), path, with_variables=case.get("kind") != "label")
        times.append((time.perf_counter() - started) * 1000)
    return prediction(case["id"], plan, statistics.median(times))


def read_cases(manifest: Path) -> list[dict[str, str]]:
    lines = manifest.read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args(arguments)
    with given.out.open("w", encoding="utf-8") as out:
        for case in read_cases(given.manifest):
            out.write(json.dumps(predict(given.manifest, case), ensure_ascii=False) + "\n")
    return 0


def _line(command: Command | None) -> str | None:
    return command.command if command else None


if __name__ == "__main__":
    sys.exit(main())
