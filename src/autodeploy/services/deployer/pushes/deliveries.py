"""What GitHub sends: checked, written down and answered at once; dealt with by a worker.

docs.github.com, "Validating webhook deliveries" and "Best practices for using webhooks", 2026-11.
"""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import InvalidInput, TooLarge, Unauthenticated
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.tenancy import Tenancy
from autodeploy.kernel.vault.columns import place_of
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.pushes.following import of_projects
from autodeploy.services.deployer.pushes.models import (
    GitHubDelivery,
    GitHubWebhook,
    Preview,
    PushToDeploy,
    WatchedBranch,
)

#: GitHub sends no more ("Webhook events and payloads", 2026-11).
LIMIT_BYTES = 25 * 1024 * 1024
#: Where workers hear that something came.
CHANNEL = "github.deliveries"
#: The events that a webhook is registered for.
EVENTS = ("push", "pull_request")

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_EVENT = re.compile(r"[a-z_]{1,64}")
_BRANCH = "refs/heads/"
_MOST_AT_A_PASS = 1000
_MOST_PULL_REQUEST = 2**31 - 1


class _Push(Lenient):
    ref: str = ""


class _PullRequest(Lenient):
    number: int | None = None


@dataclass(frozen=True)
class _Webhook:
    """Who is called, as it is known before the signature is."""

    id: UUID
    organization_id: UUID
    encrypted_secret: str


async def receive_delivery(
    resources: Resources, webhook_id: UUID, headers: Mapping[str, str], body: AsyncIterable[bytes]
) -> None:
    """Write a delivery down, once, and have a worker look at what it is about.

    Raises:
        Unauthenticated: there is no such webhook, or the signature is not of its secret.
        TooLarge: over 25 MiB.
        InvalidInput: it is signed, and no delivery.
    """
    signature = _SIGNATURE.fullmatch(headers.get("x-hub-signature-256", ""))
    webhook = await _find(resources, webhook_id) if signature else None
    if signature is None or webhook is None:
        raise _refused()
    payload = await _read(body)
    if not hmac.compare_digest(signature[1], await _sign(resources, webhook, payload)):
        raise _refused()
    guid, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event):
        raise InvalidInput("This is no delivery of GitHub.", field="X-GitHub-Event")
    row = {
        "webhook_id": webhook.id,
        "guid": guid,
        "organization_id": webhook.organization_id,
        "event": event,
        **await asyncio.to_thread(_subject_of, event, payload),
    }
    tenancy = Tenancy(organizations=frozenset({webhook.organization_id}))
    async with resources.acting_for(tenancy).db.transaction() as session:
        await session.execute(insert(GitHubDelivery).values(row).on_conflict_do_nothing())
    await resources.events.publish(CHANNEL, {"type": "github.delivery"})


async def handle_deliveries(resources: Resources, moment: datetime) -> None:
    """Have what new deliveries are about looked at now. A repeated delivery is none."""
    async with resources.db.transaction() as session:
        rows = (
            await session.execute(
                select(GitHubDelivery, GitHubWebhook.repository_id)
                .join(GitHubWebhook, GitHubWebhook.id == GitHubDelivery.webhook_id)
                .where(_is_new())
                .order_by(GitHubDelivery.received_at)
                .limit(_MOST_AT_A_PASS)
            )
        ).all()
        branches = {(repository, row.branch) for row, repository in rows if row.branch}
        pulls = {(repository, row.pull_request) for row, repository in rows if row.pull_request}
        for repository_id, branch in branches:
            await _wake_branch(session, repository_id, branch, moment)
        for repository_id, number in pulls:
            await _wake_preview(session, repository_id, number, moment)
        for row, _ in rows:
            row.handled_at = moment
        called = {row.webhook_id for row, _ in rows}
        await session.execute(
            update(GitHubWebhook).where(GitHubWebhook.id.in_(called)).values(delivered_at=moment)
        )


def is_called() -> ColumnElement[bool]:
    """Whether a delivery has come that is not dealt with yet."""
    return exists(select(GitHubDelivery.guid).where(_is_new()))


def _is_new() -> ColumnElement[bool]:
    return GitHubDelivery.handled_at.is_(None)


async def _find(resources: Resources, webhook_id: UUID) -> _Webhook | None:
    row = await resources.db.fetch_row(
        "SELECT organization_id, encrypted_secret FROM autodeploy_github_webhook($1)", webhook_id
    )
    return None if row is None else _Webhook(webhook_id, **row)


async def _read(body: AsyncIterable[bytes]) -> bytes:
    received = bytearray()
    async for chunk in body:
        received += chunk
        if len(received) > LIMIT_BYTES:
            raise TooLarge(f"A delivery is {LIMIT_BYTES >> 20} MiB at most.", field="body")
    return bytes(received)


async def _sign(resources: Resources, webhook: _Webhook, payload: bytes) -> str:
    place = place_of(
        GitHubWebhook.encrypted_secret,
        organization_id=webhook.organization_id,
        id=webhook.id,
    )
    secret = await resources.vault.decrypt_for(
        place.subject, webhook.encrypted_secret, context=place.context
    )
    signed = await asyncio.to_thread(hmac.digest, secret.encode(), payload, hashlib.sha256)
    return signed.hex()


def _subject_of(event: str, payload: bytes) -> dict[str, object]:
    """The branch or pull request that an event is about; of other events, neither."""
    try:
        sent = json.loads(payload)
        if event == "push":
            ref = _Push.model_validate(sent).ref
            branch = ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else None
            return {"branch": None if branch is None else branch.replace("\x00", "")}
        if event == "pull_request":
            number = _PullRequest.model_validate(sent).number
            known = number is not None and 0 < number <= _MOST_PULL_REQUEST
            return {"pull_request": number if known else None}
    except (ValueError, RecursionError):
        raise InvalidInput(
            "The body is no JSON of this event.",
            field="body",
            remedy="Choose application/json as the content type of the webhook at GitHub.",
        ) from None
    return {}


async def _wake_branch(
    session: AsyncSession, repository_id: UUID, branch: str, moment: datetime
) -> None:
    following = of_projects(select(PushToDeploy.id)).where(Repository.id == repository_id)
    await session.execute(
        update(WatchedBranch)
        .where(WatchedBranch.push_to_deploy_id.in_(following), WatchedBranch.branch == branch)
        .values(due_at=moment, active_at=moment)
    )


async def _wake_preview(
    session: AsyncSession, repository_id: UUID, number: int, moment: datetime
) -> None:
    projects = of_projects(select(Project.id, Project.organization_id).select_from(PushToDeploy))
    rows = await session.execute(
        projects.where(Repository.id == repository_id, PushToDeploy.previews)
    )
    for project_id, organization_id in rows.all():
        await ensure_preview(session, organization_id, project_id, number, moment)


async def ensure_preview(
    session: AsyncSession, organization_id: UUID, project_id: UUID, number: int, moment: datetime
) -> None:
    """Have a pull request of a project looked at; the first time, it is written down."""
    await session.execute(
        insert(Preview)
        .values(
            organization_id=organization_id,
            project_id=project_id,
            number=number,
            environment=f"pr-{number}",
            due_at=moment,
        )
        .on_conflict_do_update(index_elements=["project_id", "number"], set_={"due_at": moment})
    )


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This is not a delivery that GitHub has signed for this webhook.",
        remedy="Switch push to deploy off and on again, which sets another secret.",
    )
