"""`make chaos`: plays many seeds and says what held. Can be stopped and goes on where it was.

    python -m tests.chaos.run --seeds 1000 --start 1 [--hosted]

Each seed's outcome is a line of the results file; seeds for which everything held are not played
again. What broke an invariant is told with the command that repeats it, and its logs are kept.
"""

import argparse
import contextlib
import json
import shutil
import signal
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from tests.chaos.hosted import HostedStage, HostedStory
from tests.chaos.invariants import check_nothing_left
from tests.chaos.moving import MovingStory
from tests.chaos.plan import (
    HOSTED_PLACES,
    MOVING_APPS,
    PLACES,
    Plan,
    hosted_plan_of,
    plan_of,
)
from tests.chaos.project import Project
from tests.chaos.stage import Stage
from tests.chaos.story import Outcome, Story


@dataclass(frozen=True)
class Family:
    """Plans that are chosen alike, and where they are played. ``app`` is deployed before them;
    ``asked`` is what `make chaos` is given for them."""

    plan_of: Callable[[int], Plan]
    places: tuple[tuple[str, str], ...]
    stage: type[Stage]
    story: Callable[[Stage, Plan], Story]
    app: str
    results: Path
    kept: Path
    asked: str = ""


def _hosted_story(stage: Stage, plan: Plan) -> Story:
    return (MovingStory if plan.app in MOVING_APPS else HostedStory)(stage, plan)


HERE = Family(plan_of, PLACES, Stage, Story, "database", Path("chaos.jsonl"), Path("chaos-logs"))
ELSEWHERE = Family(
    hosted_plan_of,
    HOSTED_PLACES,
    HostedStage,
    _hosted_story,
    "supabase",
    Path("chaos-hosted.jsonl"),
    Path("chaos-hosted-logs"),
    " HOSTED=1",
)

_WARM_UPS = 5
# Python hears a signal in its main thread alone, and one that the system hands to another thread
# does not wake it.
_LOOK_SECONDS = 0.2


def play(seeds: list[int], results: Path, *, stages: int, family: Family = HERE) -> list[Outcome]:
    """Play the seeds on several stages at once; a stage that something broke on is replaced."""
    waiting: Queue[int] = Queue()
    for seed in seeds:
        waiting.put(seed)
    outcomes: list[Outcome] = []
    writing = threading.Lock()

    def take(outcome: Outcome) -> None:
        with writing, results.open("a") as file:
            outcomes.append(outcome)
            file.write(json.dumps(outcome.as_row()) + "\n")
            _tell(outcome, family)

    with _stopped_by_signals() as stopping:
        players = [
            threading.Thread(
                target=_play_all, args=(waiting, stopping, take, family, results.parent)
            )
            for _ in range(min(stages, len(seeds)))
        ]
        for player in players:
            player.start()
        for player in players:
            while player.is_alive():
                player.join(_LOOK_SECONDS)
    return outcomes


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Set by Ctrl-C and by an end that is asked for. Neither raises anything: a ``join`` that is
    interrupted takes its thread for one that has ended."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        print("Stopping after the seeds that are being played.", flush=True)
        stopping.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _play_all(
    waiting: Queue[int],
    stopping: threading.Event,
    take: Callable[[Outcome], None],
    family: Family,
    folder: Path,
) -> None:
    while not (waiting.empty() or stopping.is_set()):
        stage = family.stage()
        try:
            stage.open()
            _warm_up(stage, family.app)
            while not stopping.is_set():
                try:
                    seed = waiting.get_nowait()
                except Empty:
                    break
                outcome = family.story(stage, family.plan_of(seed)).play()
                take(outcome)
                if outcome.violations:
                    _keep_logs(stage, folder / family.kept / str(seed))
                    break
        finally:
            stage.close()
            stage.remove()


def _warm_up(stage: Stage, app: str) -> None:
    """Deploy until it goes well: processes that load their code for the first time take longer than
    a lease of 1 s on a busy machine."""
    project = Project(stage, "warm-up", app)
    for _ in range(_WARM_UPS):
        deployment = project.deploy(project.version("first"))
        deployment.ended.wait()
        if deployment.status == "ready":
            break
    else:
        raise AssertionError(f"nothing can be deployed here: {deployment.error}")
    project.delete()
    if problems := check_nothing_left(stage, project):
        raise AssertionError(problems)


def _keep_logs(stage: Stage, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage.home / "logs", folder, dirs_exist_ok=True)
    shutil.copy(stage.platform.output, folder)


def _tell(outcome: Outcome, family: Family) -> None:
    held = "held" if not outcome.violations else "BROKEN"
    missed = "" if outcome.struck else " (never came to its fault point)"
    print(f"{held} in {outcome.seconds:5.1f} s  {outcome.plan}{missed}", flush=True)
    for violation in outcome.violations:
        print(f"    {violation}", flush=True)
    if outcome.violations:
        seed = outcome.plan.seed
        print(f"    repeat it: make chaos SEEDS=1 START={seed}{family.asked}", flush=True)
        print(f"    its logs:  {family.kept}/{seed}", flush=True)


def summary(rows: list[dict[str, object]], family: Family = HERE) -> str:
    """The figures of a results file, as `docs/reliability.md` has them."""
    broken = [row["seed"] for row in rows if row["violations"]]
    struck = [row for row in rows if row["struck"]]
    places = {(row["point"], row["moment"]) for row in struck}
    ends = Counter(status for row in rows for status in row["statuses"])
    slowest = sorted(row["slowest_seconds"] for row in rows)
    return "\n".join(
        [
            f"seeds              {len(rows)}",
            f"faults struck      {len(struck)} at {len(places)} of {len(family.places)} places",
            f"deployments        {sum(ends.values())}: "
            + ", ".join(f"{count} {name}" for name, count in ends.most_common()),
            f"slowest deployment {statistics.median(slowest):.1f} s median, "
            f"{slowest[int(len(slowest) * 0.95)]:.1f} s p95, {slowest[-1]:.1f} s maximum",
            f"invariants broken  {len(broken)}" + (f": seeds {broken}" if broken else ""),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--start", type=int, default=1, help="the first one")
    parser.add_argument("--stages", type=int, default=3, help="platforms side by side")
    parser.add_argument("--hosted", action="store_true", help="apps at providers elsewhere")
    parser.add_argument("--results", type=Path, help="the file of outcomes")
    asked = parser.parse_args()
    family = ELSEWHERE if asked.hosted else HERE
    results = asked.results or family.results
    wanted = range(asked.start, asked.start + asked.seeds)
    held = {seed for seed, row in _outcomes(results).items() if not row["violations"]}
    left = [seed for seed in wanted if seed not in held]
    play(left, results, stages=asked.stages, family=family)
    rows = [row for seed, row in _outcomes(results).items() if seed in wanted]
    if rows:
        print(summary(rows, family))
    return any(row["violations"] for row in rows)


def _outcomes(results: Path) -> dict[int, dict[str, object]]:
    """The newest outcome of each seed."""
    if not results.exists():
        return {}
    rows = map(json.loads, results.read_text().splitlines())
    return {row["seed"]: row for row in rows}


if __name__ == "__main__":
    sys.exit(main())
