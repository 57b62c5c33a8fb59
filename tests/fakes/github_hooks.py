"""Deliveries of the emulated GitHub to where its webhooks are, signed and over HTTP."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import httpx
from tests.fakes.github_state import Outgoing, Repo

_LOOKS_EVERY_SECONDS = 0.02


def signed(secret: str, delivery: Mapping[str, Any], body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "x-github-event": delivery["event"],
        "x-github-delivery": delivery["guid"],
        "x-hub-signature-256": f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}",
    }


async def send_out(repos: Mapping[int, Repo]) -> None:
    """Bring each delivery to its webhook as soon as there is one. Runs for ever."""
    async with httpx.AsyncClient(timeout=10.0) as client:
        while True:
            for repo in list(repos.values()):
                while repo.outgoing:
                    await _bring(client, repo, repo.outgoing.pop(0))
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)


async def _bring(client: httpx.AsyncClient, repo: Repo, outgoing: Outgoing) -> None:
    """What the other side answers is noted, 502 where it does not."""
    body = repo.payloads[outgoing.delivery["guid"]]
    headers = signed(repo.secrets[outgoing.hook_id], outgoing.delivery, body)
    try:
        answer = await client.post(
            repo.hooks[outgoing.hook_id]["config"]["url"],
            content=body,
            headers={"Content-Type": "application/json", **headers},
        )
        outgoing.delivery["status_code"] = answer.status_code
    except httpx.HTTPError:
        outgoing.delivery["status_code"] = 502
