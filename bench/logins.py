"""A storm of log-ins: how many a second, and what it does to everybody else.

A platform of its own, with every part embedded, in processes of their own. First it is at rest: how
long does ``/healthz`` take, and how much memory does the API have? Then log-ins come one after
another, then hundreds at once, right and wrong, of several accounts from several addresses: without
limits, so that each password is computed, and with the limits that are shipped. Then one refresh
token comes a hundred times at once. The client runs on the same cores.
"""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
import psutil
from tests.e2e.platform import Platform

from bench.report import Record, arguments, show

LOGINS = 200
LOGINS_ALONE = 20
AT_REST_CALLS = 200
REFRESHES = 100
ACCOUNTS = 10
ADDRESSES = [f"198.51.100.{number}" for number in range(1, 51)]
PASSWORD = "correct horse battery"
PROBE_PAUSE_SECONDS = 0.01
MEGABYTE = 1_000_000
LIMITS = {"none": "off", "as shipped": "auth=10/minute"}


@dataclass
class Probe:
    """How long ``/healthz`` takes and how much memory the API has, until it is cancelled."""

    client: httpx.AsyncClient
    api: psutil.Process
    seconds: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    async def look(self) -> None:
        begun = time.perf_counter()
        answer = await self.client.get("/healthz")
        self.seconds.append(time.perf_counter() - begun)
        assert answer.status_code == HTTPStatus.OK
        self.memory.append(self.api.memory_info().rss)

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PROBE_PAUSE_SECONDS)

    @property
    def record(self) -> Record:
        ordered = sorted(self.seconds)
        return {
            "health_ms": round(statistics.median(ordered) * 1000, 2),
            "health_p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
            "health_worst_ms": round(ordered[-1] * 1000, 2),
            "peak_mb": round(max(self.memory) / MEGABYTE, 1),
        }


def main() -> None:
    options = arguments(__doc__, repeat=1)
    records: list[Record] = []
    for name, limits in LIMITS.items():
        platform = Platform(
            {"AUTODEPLOY_RATE_LIMITS": limits, "AUTODEPLOY_TRUSTED_PROXIES": "127.0.0.1"}
        )
        try:
            platform.start()
            for _ in range(options.repeat):
                records += asyncio.run(_measure(platform, name))
        finally:
            platform.close()
    show("Storms of log-ins", "logins", records, as_json=options.json)


async def _measure(platform: Platform, limits: str) -> list[Record]:
    url = f"http://127.0.0.1:{platform.api_port}"
    pool = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url) as own,
        httpx.AsyncClient(base_url=url, limits=pool, timeout=120) as client,
    ):
        sessions = [await _register(client, number) for number in range(ACCOUNTS)]
        rest = Probe(own, platform.role("serve"))
        for _ in range(AT_REST_CALLS):
            await rest.look()
        alone = [await _timed(_log_in(client, 2 * number + 1)) for number in range(LOGINS_ALONE)]
        storm = Probe(own, platform.role("serve"))
        tries = [_log_in(client, number) for number in range(LOGINS)]
        statuses, seconds = await _at_once(storm, tries)
        race = Probe(own, platform.role("serve"))
        refreshes = [_refresh(client, sessions[0], number) for number in range(REFRESHES)]
        refreshed, took = await _at_once(race, refreshes)
    rows: dict[str, Record] = {
        "at rest": rest.record,
        "log-ins one by one": {"per_second": round(1 / statistics.median(alone), 1)},
        f"{LOGINS} log-ins at once": {**_rates(statuses, seconds), **storm.record},
        f"{REFRESHES} refreshes at once": {**_rates(refreshed, took), **race.record},
    }
    return [{"limits": limits, "what": what, **row} for what, row in rows.items()]


async def _timed(call: Coroutine[None, None, int]) -> float:
    begun = time.perf_counter()
    await call
    return time.perf_counter() - begun


async def _at_once(
    probe: Probe, calls: list[Coroutine[None, None, int]]
) -> tuple[Counter[int], float]:
    """The statuses of calls that come at the same time, and the seconds until the last answer."""
    probing = asyncio.create_task(probe.run())
    begun = time.perf_counter()
    statuses = Counter(await asyncio.gather(*calls))
    seconds = time.perf_counter() - begun
    probing.cancel()
    await asyncio.wait([probing])
    return statuses, seconds


def _rates(statuses: Counter[int], seconds: float) -> Record:
    answered = {f"answered_{status}": count for status, count in sorted(statuses.items())}
    return {"per_second": round(statuses.total() / seconds, 1), **answered}


async def _register(client: httpx.AsyncClient, number: int) -> str:
    body = {"email": _email(number), "password": PASSWORD, "name": "Ada"}
    headers = {"X-Forwarded-For": f"203.0.113.{number}"}
    answer = await client.post("/api/v1/auth/register", json=body, headers=headers)
    if answer.status_code == HTTPStatus.CONFLICT:  # of an earlier repetition
        answer = await client.post("/api/v1/auth/login", json=body, headers=headers)
    return str(answer.json()["refreshToken"])


async def _log_in(client: httpx.AsyncClient, number: int) -> int:
    """Every other one with a wrong password."""
    body = {"email": _email(number % ACCOUNTS), "password": PASSWORD if number % 2 else "wrong"}
    address = ADDRESSES[number % len(ADDRESSES)]
    answer = await client.post(
        "/api/v1/auth/login", json=body, headers={"X-Forwarded-For": address}
    )
    return answer.status_code


async def _refresh(client: httpx.AsyncClient, token: str, number: int) -> int:
    answer = await client.post(
        "/api/v1/auth/refresh",
        json={"refreshToken": token},
        headers={"X-Forwarded-For": ADDRESSES[number % len(ADDRESSES)]},
    )
    return answer.status_code


def _email(number: int) -> str:
    return f"user{number}@example.com"


if __name__ == "__main__":
    main()
