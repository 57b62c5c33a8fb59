"""Memory of the idle platform with every part embedded: the sum of PSS over its processes.

PSS counts a page that n processes share as 1/n in each, so that the sum is what the machine spends.
"""

import statistics
import time
from collections import defaultdict
from pathlib import Path

import psutil
from tests.e2e.platform import Platform

from bench.report import Record, arguments, show

BUDGET_MB = 400.0
SETTLE_SECONDS = 10.0
MEGABYTE = 1_000_000


def main() -> None:
    options = arguments(__doc__, repeat=3)
    platform = Platform()
    try:
        platform.start()
        assert platform.process is not None
        samples = []
        for _ in range(options.repeat):
            time.sleep(SETTLE_SECONDS)
            samples.append(_by_part(psutil.Process(platform.process.pid)))
    finally:
        platform.close()
    total = statistics.median(sum(sample.values()) for sample in samples)
    parts: list[Record] = [
        {"part": name, "pss_mb": round(megabytes, 1)}
        for name, megabytes in sorted(samples[-1].items(), key=lambda item: -item[1])
    ]
    summary: Record = {
        "part": "total",
        "pss_mb": round(total, 1),
        "within_budget": total <= BUDGET_MB,
    }
    show("Memory of the idle platform", "memory", [summary, *parts], as_json=options.json)


def _by_part(root: psutil.Process) -> dict[str, float]:
    """Megabytes of each kind of process in the tree."""
    found: dict[str, float] = defaultdict(float)
    for process in [root, *root.children(recursive=True)]:
        try:
            found[_name(process)] += _pss_bytes(process.pid) / MEGABYTE
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
    return dict(found)


def _name(process: psutil.Process) -> str:
    argv: list[str] = process.cmdline()
    if "autodeploy" in argv:
        return f"autodeploy {argv[argv.index('autodeploy') + 1]}"
    return process.name().split(":")[0]


def _pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
