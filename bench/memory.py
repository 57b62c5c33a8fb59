"""Memory of the platform with every part embedded: idle, and idle again after a deployment.

The figure is what the platform would cost a machine of its own. The kernel's PSS alone shows
less where another program, such as a second platform, has the same binaries and libraries open;
it is shown beside. Needs the package registries.
"""

import re
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.e2e.platform import Platform, machine_settings

from bench.report import Record, arguments, show

BUDGET_MB = 400.0
# Longer than database sessions that nobody uses are kept.
SETTLE_SECONDS = 75.0
PAUSE_SECONDS = 2.0
MEGABYTE = 1_000_000
GUESTBOOK = Path(__file__).parents[1] / "examples" / "guestbook"

_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)")
_SHARED_MEMORY = ("/dev/", "/SYSV", "/memfd:")


@dataclass
class Sample:
    """Bytes: each part's own, and the largest use that a process makes of each file."""

    own: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    files: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pss: int = 0

    @property
    def total(self) -> int:
        return sum(self.own.values()) + sum(self.files.values())


def main() -> None:
    options = arguments(__doc__, repeat=3)
    platform = Platform(machine_settings())
    try:
        platform.start()
        idle = _measure(platform, options.repeat)
        platform.deploy(GUESTBOOK, "guestbook")
        deployed = _measure(platform, options.repeat)
    finally:
        platform.close()
    records = [*_records("idle", idle), *_records("after a deployment", deployed)]
    show("Memory of the platform", "memory", records, as_json=options.json)


def _measure(platform: Platform, repeat: int) -> list[Sample]:
    assert platform.process is not None
    time.sleep(SETTLE_SECONDS)
    samples = []
    for _ in range(repeat):
        samples.append(_sample(psutil.Process(platform.process.pid)))
        time.sleep(PAUSE_SECONDS)
    return samples


def _sample(root: psutil.Process) -> Sample:
    sample = Sample()
    for process in [root, *root.children(recursive=True)]:
        try:
            _add(sample, _name(process), Path(f"/proc/{process.pid}/smaps").read_text())
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
    return sample


def _add(sample: Sample, part: str, smaps: str) -> None:
    """Count one process. Pages that it has in common with others of the platform count once."""
    files: dict[str, int] = defaultdict(int)
    for path, sizes in _mappings(smaps):
        sample.pss += sizes["Pss"]
        if path.startswith("/") and not path.startswith(_SHARED_MEMORY):
            sample.own[part] += sizes["Anonymous"]
            files[path] += sizes["Rss"] - sizes["Anonymous"]
        else:
            sample.own[part] += sizes["Pss"]
    for path, resident in files.items():
        sample.files[path] = max(sample.files[path], resident)


def _mappings(smaps: str) -> list[tuple[str, dict[str, int]]]:
    """The path of each mapping, and the sizes that the kernel gives for it."""
    found: list[tuple[str, dict[str, int]]] = []
    for line in smaps.splitlines():
        if mapping := _MAPPING.fullmatch(line):
            found.append((mapping[1], {}))
        elif line.endswith(" kB"):
            name, size = line.removesuffix(" kB").split(":")
            found[-1][1][name] = int(size) * 1024
    return found


def _name(process: psutil.Process) -> str:
    argv: list[str] = process.cmdline()
    if "autodeploy" in argv:
        return f"autodeploy {argv[argv.index('autodeploy') + 1]}"
    return process.name().split(":")[0]


def _records(state: str, samples: list[Sample]) -> list[Record]:
    total = statistics.median(sample.total for sample in samples) / MEGABYTE
    last = samples[-1]
    parts: dict[str, int] = {**last.own, "programs and libraries": sum(last.files.values())}
    summary: Record = {
        "state": state,
        "part": "total",
        "mb": round(total, 1),
        "pss_mb": round(last.pss / MEGABYTE, 1),
        "within_budget": total <= BUDGET_MB,
    }
    rows: list[Record] = [
        {"state": state, "part": name, "mb": round(size / MEGABYTE, 1)}
        for name, size in sorted(parts.items(), key=lambda item: -item[1])
    ]
    return [summary, *rows]


if __name__ == "__main__":
    main()
