"""A call of an adapter through the core, beside the same request with plain ``httpx``.

Both ask the same server on this machine in turn, with kept connections. ``added_ms`` is the median
of what a call takes more: retries, limits, breaker, metrics, tracing, a typed answer. The budget is
0.5 ms. ``unchanged_ms`` is a call whose answer is confirmed by a 304.
"""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
from starlette.types import Receive, Scope, Send
from tests.fakes.github_state import Repo, repository_shape
from tests.fakes.server import serving

from autodeploy.providers.github.api import GitHubApi
from autodeploy.providers.github.service import HEADERS
from bench.report import Record, arguments, show

CALLS = 400
TOKEN = "gho_" + "x" * 36
ETAG = b'"same"'


def main() -> None:
    options = arguments(__doc__, repeat=5)
    runs = [asyncio.run(_measure()) for _ in range(options.repeat)]
    record: Record = {
        name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]
    }
    show("A call to a provider, in milliseconds", "provider_calls", [record], as_json=options.json)


async def _measure() -> dict[str, float]:
    async with serving(_Answering()) as url, httpx.AsyncClient(base_url=url) as plain:
        api = GitHubApi(api_url=url)
        account = api.account(TOKEN)
        headers = {**HEADERS, "Authorization": f"Bearer {TOKEN}"}

        async def by_hand() -> object:
            answer = await plain.get("/repos/octo/site", headers=headers)
            return answer.raise_for_status().json()["default_branch"]

        async def by_adapter() -> object:
            return (await account.repository("octo/site")).default_branch

        async def unchanged() -> object:
            return (await account.repository("octo/same")).default_branch

        for call in (by_hand, by_adapter, unchanged):  # connections are opened
            await call()
        plainly, through, confirmed = [], [], []
        for _ in range(CALLS):
            plainly.append(await _timed(by_hand))
            through.append(await _timed(by_adapter))
            confirmed.append(await _timed(unchanged))
        await api.close()
    differences = [slow - quick for slow, quick in zip(through, plainly, strict=True)]
    return {
        "baseline_ms": statistics.median(plainly),
        "adapter_ms": statistics.median(through),
        "added_ms": statistics.median(differences),
        "unchanged_ms": statistics.median(confirmed),
    }


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await call()
    return (time.perf_counter() - started) * 1000


class _Answering:
    """A repository as GitHub shows it, to every call; ``/repos/octo/same`` has a validator."""

    def __init__(self) -> None:
        shape = repository_shape(Repo("octo", "site"), "https://api.github.com", full=True)
        self._body = json.dumps(shape).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        same = scope["path"].endswith("same")
        sent = dict(scope["headers"])
        fresh = sent.get(b"if-none-match") != ETAG
        body = self._body if fresh else b""
        headers = [(b"content-type", b"application/json")]
        if same:
            headers.append((b"etag", ETAG))
        if fresh:
            headers.append((b"content-length", str(len(body)).encode()))
        start = {"status": 200 if fresh else 304, "headers": headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()
