"""How long the analyzer takes, in process: on labelled cases, and on a generated monorepo.

    python -m bench.analyzer_speed [--manifest MANIFEST] [--peers FOLDER]

MANIFEST is as in ``bench.analyzer``. FOLDER holds other people's detectors with their packages
installed: each ``NAME.mjs`` takes the manifest's folder and an output file, and writes one line a
case with ``ms``. Each case is timed after a first run of it has warmed the file cache, for all.
"""

import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.tree import FolderTree
from bench.analyzer import read_cases
from bench.monorepo import FILES, PACKAGES, write_monorepo
from bench.report import Record, show

PEERS = ("netlify", "vercel")
CASE_BUDGET_MS = 3.0
VARIABLES_BUDGET_MS = 40.0
MONOREPO_BUDGET_MS = 1000.0
MONOREPO_BUDGET_MB = 300.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, help="labelled cases; without, only the monorepo")
    parser.add_argument("--peers", type=Path, help="a folder with netlify.mjs and vercel.mjs")
    parser.add_argument("--repeat", type=int, default=5, help="how often (median is shown)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    records: list[Record] = []
    if given.manifest:
        records += case_records(given.manifest, given.repeat)
        if given.peers:
            records += [peer_record(name, given.peers, given.manifest) for name in PEERS]
    records += monorepo_records(given.repeat)
    show("Time of an analysis", "analysis", records, as_json=given.json)
    return 0


def case_records(manifest: Path, repeat: int) -> list[Record]:
    """The labelled cases without variables, the real applications with them."""
    cases = read_cases(manifest)
    labels = [case for case in cases if case.get("kind") == "label"]
    apps = [case for case in cases if case.get("kind") != "label"]
    return [
        _record("framework and commands", _times(manifest, labels, False, repeat), CASE_BUDGET_MS),
        _record("with variables", _times(manifest, apps, True, repeat), VARIABLES_BUDGET_MS),
    ]


def peer_record(name: str, folder: Path, manifest: Path) -> Record:
    """What another detector takes for the same labelled cases, by its own program."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.jsonl"
        program = folder.resolve() / f"{name}.mjs"
        subprocess.run(["node", program, manifest.parent.resolve(), out], cwd=folder, check=True)
        times = [json.loads(line)["ms"] for line in out.read_text("utf-8").splitlines()]
    return _record(name, times, None)


def monorepo_records(repeat: int) -> list[Record]:
    """A process of its own for each directory that is analysed, for its memory."""
    records = []
    with tempfile.TemporaryDirectory() as scratch:
        write_monorepo(Path(scratch))
        for root in ("", "apps/app-7"):
            spawning = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawning) as process:
                times, peak_mb = process.submit(_measure_folder, scratch, root, repeat).result()
            title = f"{FILES} files, {PACKAGES} packages, {root or 'the root'}"
            record = _record(title, times, MONOREPO_BUDGET_MS)
            record["peak_mb"] = round(peak_mb, 1)
            record["within_memory"] = peak_mb <= MONOREPO_BUDGET_MB
            records.append(record)
    return records


def _measure_folder(folder: str, root: str, repeat: int) -> tuple[list[float], float]:
    times = [_milliseconds(lambda: analyze(FolderTree(folder), root, with_variables=False))
             for _ in range(repeat)]  # fmt: skip
    status = Path("/proc/self/status").read_text()
    peak_kb = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return times, int(peak_kb) / 1000


def _times(
    manifest: Path, cases: Sequence[dict[str, str]], with_variables: bool, repeat: int
) -> list[float]:
    """For each case the median of its runs, the first of which does not count."""
    found = []
    for case in cases:
        folder, path = manifest.parent / case["dir"], case["path"].removeprefix(".")

        def run(folder: Path = folder, path: str = path) -> object:
            return analyze(FolderTree(folder), path, with_variables=with_variables)

        run()
        found.append(statistics.median(_milliseconds(run) for _ in range(repeat)))
    return found


def _milliseconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000


def _record(what: str, times: Sequence[float], budget_ms: float | None) -> Record:
    ordered = sorted(times) or [0.0]
    median = statistics.median(ordered)
    record: Record = {
        "what": what,
        "cases": len(times),
        "median_ms": median,
        "p90_ms": ordered[len(ordered) * 9 // 10],
        "worst_ms": ordered[-1],
    }
    if budget_ms is not None:
        record["within_budget"] = median <= budget_ms
    return record


if __name__ == "__main__":
    sys.exit(main())
