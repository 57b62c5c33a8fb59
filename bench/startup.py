"""Seconds from `autodeploy up` to the first answer of the API, on a home that exists already."""

import statistics
import time

from tests.e2e.platform import Platform

from bench.report import Record, arguments, show

BUDGET_SECONDS = 5.0


def main() -> None:
    options = arguments(__doc__, repeat=5)
    platform = Platform()
    try:
        first, *later = (_start(platform) for _ in range(options.repeat + 1))
    finally:
        platform.close()
    median = statistics.median(later)
    record: Record = {
        "first_seconds": round(first, 2),
        "second_seconds": round(median, 2),
        "worst_seconds": round(max(later), 2),
        "within_budget": median <= BUDGET_SECONDS,
    }
    show("`autodeploy up` to the first answer", "startup", [record], as_json=options.json)


def _start(platform: Platform) -> float:
    begun = time.monotonic()
    platform.start()
    elapsed = time.monotonic() - begun
    platform.stop()
    return elapsed


if __name__ == "__main__":
    main()
