"""What the emulated Render has measured of its services and databases.

The units are those of the answers that Render's own MCP server is tested with
(render-oss/render-mcp-server, ``pkg/metrics/test_helpers.go``, read 2026-11-27).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.fakes.render_state import Json

_MINUTE = timedelta(minutes=1)


@dataclass
class FakeMetrics:
    """``of_instances`` are by metric what was measured last of each instance: a value, its unit,
    and how many minutes ago. ``requests`` are by status those of the last minutes, the newest
    first; ``latencies`` are milliseconds by quantile."""

    of_instances: dict[str, list[tuple[float, str] | tuple[float, str, int]]] = field(
        default_factory=dict
    )
    requests: dict[str, list[float]] = field(default_factory=dict)
    latencies: dict[str, float] = field(default_factory=dict)
    unit_of_requests: str = "unitless"

    def series(self, kind: str, asked: Mapping[str, str], now: datetime) -> list[Json]:
        """The answer; of what was measured before ``startTime`` it has nothing."""
        since = datetime.fromisoformat(asked["startTime"])
        found = []
        for labels, unit, values in self._measured(kind, asked):
            shown = [
                {"timestamp": (now - ago * _MINUTE).isoformat(), "value": value}
                for ago, value in values
                if now - ago * _MINUTE >= since
            ]
            if shown:
                found.append({"labels": labels, "unit": unit, "values": shown})
        return found

    def _measured(
        self, kind: str, asked: Mapping[str, str]
    ) -> Iterator[tuple[list[Json], str, Iterable[tuple[int, float]]]]:
        if kind == "http-requests":
            by_status = asked.get("aggregateBy") == "statusCode"
            for status, counts in self.requests.items():
                labels = [_label("statusCode", status)] if by_status else []
                yield labels, self.unit_of_requests, enumerate(counts)
        elif kind == "http-latency":
            if asked["quantile"] in self.latencies:
                labels = [_label("quantile", asked["quantile"])]
                yield labels, "ms", [(0, self.latencies[asked["quantile"]])]
        else:
            for number, (value, unit, *ago) in enumerate(self.of_instances.get(kind, ())):
                labels = [_label("instance", f"{asked['resource']}-{number}")]
                yield labels, unit, [(ago[0] if ago else 0, value)]


def _label(name: str, value: str) -> Json:
    return {"field": name, "value": value}
