"""From a push at GitHub to a worker that has its deployment, on an idle platform with two workers.

GitHub is emulated on this machine: it is asked for the branch's head, and later for the sources.
Each push in turn is announced by a signed delivery of the usual size, which is posted to the API
over HTTP. ``bench/stage.py`` says what else is the platform's own. Beside it, by hand: a receiver
that checks the signature, answers, and asks for the branch's head with plain ``httpx``.
"""

import argparse
import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import uvloop
from sqlalchemy import func, select
from starlette.types import Receive, Scope, Send
from tests.fakes.github_api import TOKEN
from tests.fakes.github_hooks import signed
from tests.fakes.server import serving
from tests.services.deployer.pushes.hub import Hub, hub_of

from autodeploy.app import create_app
from autodeploy.client_settings import ProviderSettings
from autodeploy.kernel.heap import keep_from_collections
from autodeploy.kernel.log import configure_logging
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.pushes.models import GitHubWebhook
from autodeploy.settings import Settings
from bench.report import Record, show
from bench.stage import Stage, open_stage, percentile, until_idle, working

PUSHES = 100
BUDGET_MS = 100
# A push with a few commits, as GitHub describes it.
_DELIVERY_BYTES = 10_000
_PATIENCE_SECONDS = 120.0
# Deliveries come at any moment of what workers do once a second.
_LONGEST_PAUSE_SECONDS = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--pushes", type=int, default=PUSHES, help="how many")
    options = parser.parse_args()
    configure_logging("error", json=False)
    records = uvloop.run(_measure(options.pushes))
    show("Pushes at GitHub, on an idle platform", "pushes", records, as_json=options.json)


async def _measure(count: int) -> list[Record]:
    async with open_stage() as stage, hub_of(stage.platform) as hub:
        settings = stage.settings.model_copy(
            update={
                "public_url": "https://autodeploy.test",
                "providers": {"github": ProviderSettings(api_url=hub.sources.fake.url)},
            }
        )
        async with _api(stage, settings) as url, working(settings):
            await hub.switch_on()
            await _until_followed(stage, hub)
            return [await _by_hand(hub, count), *await _pick_ups(stage, hub, url, count)]


@asynccontextmanager
async def _api(stage: Stage, settings: Settings) -> AsyncIterator[str]:
    resources = stage.app
    app = create_app(settings, frozenset({"deployer"}), resources=resources)
    app.state.resources = resources
    keep_from_collections()  # as the API does at its start
    async with serving(app) as url:
        yield url


async def _until_followed(stage: Stage, hub: Hub) -> None:
    """The webhook is at GitHub, and what was there already is deployed."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with stage.owner.transaction() as session:
                registered = await session.scalar(select(GitHubWebhook.external_id))
                deployed = await session.scalar(select(func.max(Deployment.completed_at)))
            if registered and deployed:
                return
            await asyncio.sleep(0.1)


async def _by_hand(hub: Hub, count: int) -> Record:
    waits = []
    receiver = _Receiver(hub)
    async with receiver.github, serving(receiver) as url, httpx.AsyncClient() as github:
        for number in range(count):
            address, headers, body = _pushed(hub, f"by hand {number}")
            receiver.seen.clear()
            asked = time.time()
            answer = await github.post(f"{url}{address}", content=body, headers=headers)
            assert answer.status_code == 204, answer.status_code
            await receiver.seen.wait()
            waits.append((time.time() - asked) * 1000)
    return _record("by hand, from the call to the branch's head", waits)


class _Receiver:
    """The least that a receiver of deliveries does. ``seen`` is set when it knows the head."""

    def __init__(self, hub: Hub):
        self.seen = asyncio.Event()
        [self._secret] = hub.repo.secrets.values()
        self.github = httpx.AsyncClient(
            base_url=hub.sources.fake.url, headers={"Authorization": f"Bearer {TOKEN}"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        sent = dict(scope["headers"])[b"x-hub-signature-256"].decode()
        signature = hmac.digest(self._secret.encode(), body, hashlib.sha256).hex()
        assert hmac.compare_digest(sent, f"sha256={signature}")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        answer = await self.github.get("/repos/octo/site/branches/main")
        assert answer.raise_for_status().json()["commit"]["sha"]
        self.seen.set()


async def _pick_ups(stage: Stage, hub: Hub, url: str, count: int) -> list[Record]:
    since_call, since_answer, since_row, answers = [], [], [], []
    pauses = random.Random(1)
    async with httpx.AsyncClient() as github:
        for number in range(count):
            await until_idle(stage)
            await asyncio.sleep(pauses.uniform(0, _LONGEST_PAUSE_SECONDS))
            address, headers, body = _pushed(hub, f"push {number}")
            asked = time.time()
            answer = await github.post(f"{url}{address}", content=body, headers=headers)
            answered = time.time()
            assert answer.status_code == 204, answer.text
            row = await _deployed(stage, hub.repo.branches["main"])
            assert row.status == "ready", row.error_code
            assert row.started_at is not None
            begun = row.started_at.timestamp()
            answers.append((answered - asked) * 1000)
            since_call.append((begun - asked) * 1000)
            since_answer.append((begun - answered) * 1000)
            since_row.append((row.started_at - row.created_at).total_seconds() * 1000)
    return [
        _record("the API's answer", answers),
        _record("from the deployment's row to a worker", since_row),
        _record("from the answer to a worker", since_answer),
        {
            **_record("from the call to a worker", since_call),
            "within_100_ms": percentile(since_call, 0.99) <= BUDGET_MS,
        },
    ]


def _pushed(hub: Hub, text: str) -> tuple[str, dict[str, str], bytes]:
    """Push to the branch: the path, headers and body of the delivery that says so."""
    sha = hub.repo.push({"index.html": text.encode()}, message=text)
    hub.repo.announce(
        "push", {"ref": "refs/heads/main", "after": sha, "commits": ["x" * _DELIVERY_BYTES]}
    )
    [outgoing] = hub.repo.outgoing
    hub.repo.outgoing.clear()
    outgoing.delivery["status_code"] = 204
    body = hub.repo.payloads[outgoing.delivery["guid"]]
    headers = signed(hub.repo.secrets[outgoing.hook_id], outgoing.delivery, body)
    address = httpx.URL(hub.repo.hooks[outgoing.hook_id]["config"]["url"]).path
    return address, {**headers, "content-type": "application/json"}, body


async def _deployed(stage: Stage, sha: str) -> Deployment:
    """The deployment of a commit, when it has ended."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            async with stage.owner.transaction() as session:
                row = await session.scalar(
                    select(Deployment).where(
                        Deployment.commit_sha == sha, Deployment.completed_at.is_not(None)
                    )
                )
            if row is not None:
                return row
            await asyncio.sleep(0.02)


def _record(name: str, waits: Sequence[float]) -> Record:
    return {
        "name": name,
        "count": len(waits),
        "p50_ms": round(percentile(waits, 0.5), 1),
        "p99_ms": round(percentile(waits, 0.99), 1),
        "worst_ms": round(max(waits), 1),
    }


if __name__ == "__main__":
    main()
