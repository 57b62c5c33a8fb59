"""Webhooks of ours at GitHub: registered while pushes deploy a project of the repository, restored
when somebody removes or changes them there, removed after. A delivery that failed is asked for
again, since GitHub repeats none by itself.
"""

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.questions import Moment
from autodeploy.kernel.vault.columns import place_of
from autodeploy.providers.github.shapes import Delivery
from autodeploy.providers.github.webhooks import Webhooks
from autodeploy.providers.manifests import Capability
from autodeploy.services.analyzer.hosts import GITHUB
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.pushes.deliveries import EVENTS
from autodeploy.services.deployer.pushes.following import (
    MOST_OF_THE_REST,
    Query,
    for_each,
    host_of,
    least_pause,
    limit_of,
    note_of,
    of_projects,
    retry_after,
)
from autodeploy.services.deployer.pushes.models import (
    GitHubDelivery,
    GitHubWebhook,
    PushToDeploy,
)

_READ_EVERY = timedelta(seconds=25)
_CALLS_OF_A_LOOK = 3
_REFUSED_FOR = timedelta(minutes=10)
_KEPT_FOR = timedelta(days=14)
_READ_BACK = timedelta(hours=1)
_MOST_READ = 100
_MOST_ATTEMPTS = 3

_NOT_REACHABLE = (
    "GitHub cannot call this platform, whose address is of this machine or network alone, so the "
    "repository is looked at from time to time. AUTODEPLOY_PUBLIC_URL sets the address."
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Kept:
    """A webhook; ``beside`` is how many its account has."""

    webhook: GitHubWebhook
    repository: Repository
    beside: int

    @property
    def pause(self) -> timedelta:
        """How long to wait for the next look."""
        return max(_READ_EVERY, least_pause(self.beside, calls=_CALLS_OF_A_LOOK))


def address_of(engine: Engine, webhook: GitHubWebhook) -> str | None:
    """The address that GitHub is to call; None where it cannot reach this platform, as one on the
    internet cannot if that is in a network of its own."""
    public_url, providers = engine.resources.public_url, engine.providers
    is_near = providers.can(GITHUB, Capability.SOURCE) and not providers.sources(GITHUB).is_public
    if not is_near and not _is_reachable(public_url):
        return None
    return f"{public_url}/api/v1/webhooks/github/{webhook.id}"


def has_due_webhooks(moment: Moment) -> ColumnElement[bool]:
    """Whether there are webhooks to add, to look at or to remove."""
    return or_(
        exists(_without_webhook(select(Repository.id))),
        exists(select(GitHubWebhook.id).where(_is_due(moment))),
    )


async def keep_webhooks(engine: Engine, moment: datetime) -> None:
    """Register the webhooks that are wanted, remove the others, and read what became of their
    deliveries."""
    await _add_missing(engine, moment)
    wanted, others = await _list_due(engine, moment)

    async def fail(kept: _Kept, error: Exception) -> None:
        pause = retry_after(error) if isinstance(error, ProviderUnavailable) else _REFUSED_FOR
        await _set(engine, kept.webhook, note=note_of(error), due_at=moment + pause)

    await for_each(wanted, lambda each: _keep(engine, each, moment), fail)
    await for_each(others, lambda each: _remove(engine, each), fail)


def _is_due(moment: Moment) -> ColumnElement[bool]:
    return GitHubWebhook.due_at <= moment


def _without_webhook(statement: Query) -> Query:
    present = select(GitHubWebhook.repository_id)
    followed = of_projects(statement.select_from(PushToDeploy))
    return followed.where(Repository.id.not_in(present))


async def _add_missing(engine: Engine, moment: datetime) -> None:
    async with engine.resources.db.transaction() as session:
        repositories = select(Repository.id, Repository.organization_id)
        missing = await session.execute(_without_webhook(repositories).distinct())
        for repository_id, organization_id in missing.all():
            webhook_id = uuid4()
            place = place_of(
                GitHubWebhook.encrypted_secret, organization_id=organization_id, id=webhook_id
            )
            sealed = await engine.resources.vault.encrypt_for(
                place.subject, secrets.token_urlsafe(32), context=place.context
            )
            await session.execute(
                insert(GitHubWebhook)
                .values(
                    id=webhook_id,
                    organization_id=organization_id,
                    repository_id=repository_id,
                    encrypted_secret=sealed,
                    due_at=moment,
                )
                .on_conflict_do_nothing()
            )


async def _list_due(engine: Engine, moment: datetime) -> tuple[list[_Kept], list[_Kept]]:
    """The webhooks that are due: those that are wanted, and those that are not any more."""
    following = of_projects(select(Repository.id).select_from(PushToDeploy))
    other = aliased(Repository)
    beside = (
        select(func.count(GitHubWebhook.id))
        .join(other, other.id == GitHubWebhook.repository_id)
        .where(limit_of(other) == limit_of(Repository))
        .correlate(Repository)
        .scalar_subquery()
    )
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(GitHubWebhook, Repository, beside, Repository.id.in_(following))
            .join(Repository, Repository.id == GitHubWebhook.repository_id)
            .where(_is_due(moment))
            .order_by(GitHubWebhook.due_at)
            .limit(MOST_OF_THE_REST)
        )
        found = [(_Kept(*kept), wanted) for *kept, wanted in rows]
    return (
        [kept for kept, wanted in found if wanted],
        [kept for kept, wanted in found if not wanted],
    )


async def _keep(engine: Engine, kept: _Kept, moment: datetime) -> None:
    webhook = kept.webhook
    url = address_of(engine, webhook)
    if url is None:
        await _set(engine, webhook, note=_NOT_REACHABLE, due_at=moment + _REFUSED_FOR)
        return
    webhooks = (await host_of(engine, kept.repository)).webhooks
    external_id = await _find_sound(webhook, webhooks, url)
    read = await _read(webhooks, external_id, moment) if external_id is not None else []
    if external_id is None or _is_refused(read, since=moment - 2 * kept.pause):
        external_id = await _register(engine, webhook, webhooks, url)
    await _ask_again(engine, webhook, webhooks, external_id, read)
    await _forget_old(engine, webhook, moment)
    values = {"external_id": external_id, "url": url, "note": None}
    await _set(engine, webhook, **values, due_at=moment + kept.pause)


async def _find_sound(webhook: GitHubWebhook, webhooks: Webhooks, url: str) -> int | None:
    """The number of the webhook that is there as it was registered; None where it is not: it may
    have been removed, switched off or changed at GitHub."""
    if webhook.external_id is None or webhook.url != url:
        return None
    async for each in webhooks.registered():
        if each.id == webhook.external_id:
            is_sound = each.active and each.config.url == url and set(EVENTS) <= set(each.events)
            return each.id if is_sound else None
    return None


def _is_refused(read: Sequence[Delivery], *, since: datetime) -> bool:
    """Whether what came last, a moment ago, was not signed with the secret that is known here.
    GitHub does not show which one it has."""
    if not read or read[0].delivered_at < since:
        return False
    return read[0].status_code == HTTPStatus.UNAUTHORIZED


@fault_point("pushes.register_webhook")
async def _register(engine: Engine, webhook: GitHubWebhook, webhooks: Webhooks, url: str) -> int:
    if webhook.external_id is not None and webhook.url != url:  # the platform has moved
        await webhooks.delete(webhook.external_id)
    place = place_of(
        GitHubWebhook.encrypted_secret, organization_id=webhook.organization_id, id=webhook.id
    )
    secret = await engine.resources.vault.decrypt_for(
        place.subject, webhook.encrypted_secret, context=place.context
    )
    return (await webhooks.ensure(url=url, secret=secret, events=EVENTS)).id


async def _remove(engine: Engine, kept: _Kept) -> None:
    """Remove it there and here. Where GitHub does not let us it is left: what it sends is refused
    from here on."""
    try:
        await _remove_there(engine, kept)
    except ProviderUnavailable:
        raise
    except AutoDeployError as error:
        _log.warning("webhook.left_at_github", webhook_id=str(kept.webhook.id), error=error.code)
    async with engine.resources.db.transaction() as session:
        await session.execute(delete(GitHubWebhook).where(GitHubWebhook.id == kept.webhook.id))


@fault_point("pushes.remove_webhook")
async def _remove_there(engine: Engine, kept: _Kept) -> None:
    url = kept.webhook.url or address_of(engine, kept.webhook)
    if url is None:
        return
    webhooks = (await host_of(engine, kept.repository)).webhooks
    # By its address: one whose making was interrupted has no number here.
    ours = [each.id async for each in webhooks.registered() if each.config.url == url]
    for external_id in ours:
        await webhooks.delete(external_id)


async def _read(webhooks: Webhooks, external_id: int, moment: datetime) -> list[Delivery]:
    """What was sent of late, the latest first."""
    read: list[Delivery] = []
    async for delivery in webhooks.deliveries(external_id):
        if len(read) == _MOST_READ or delivery.delivered_at < moment - _READ_BACK:
            break
        read.append(delivery)
    return read


async def _ask_again(
    engine: Engine,
    webhook: GitHubWebhook,
    webhooks: Webhooks,
    external_id: int,
    read: Sequence[Delivery],
) -> None:
    """Have deliveries sent again that did not come, a few times each."""
    for delivery in _failed(read):
        if not await _has_come(engine, webhook, delivery.guid):
            await _redeliver(webhooks, external_id, delivery.id)


def _failed(read: Sequence[Delivery]) -> list[Delivery]:
    """The last attempt of each delivery that failed each time, unless it did often enough; the
    oldest first. ``read`` begins with the latest."""
    attempts: dict[str, list[Delivery]] = {}
    for delivery in read:
        if delivery.event in EVENTS:
            attempts.setdefault(delivery.guid, []).append(delivery)
    return [
        each[0]
        for each in reversed(attempts.values())
        if len(each) < _MOST_ATTEMPTS and not any(200 <= one.status_code < 300 for one in each)
    ]


@fault_point("pushes.redeliver")
async def _redeliver(webhooks: Webhooks, external_id: int, delivery_id: int) -> None:
    await webhooks.redeliver(external_id, delivery_id)


async def _has_come(engine: Engine, webhook: GitHubWebhook, guid: str) -> bool:
    async with engine.resources.db.transaction() as session:
        return await session.get(GitHubDelivery, (webhook.id, guid)) is not None


async def _forget_old(engine: Engine, webhook: GitHubWebhook, moment: datetime) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            delete(GitHubDelivery).where(
                GitHubDelivery.webhook_id == webhook.id,
                GitHubDelivery.received_at < moment - _KEPT_FOR,
                GitHubDelivery.handled_at.is_not(None),
            )
        )


async def _set(engine: Engine, webhook: GitHubWebhook, **values: Any) -> None:
    async with engine.resources.db.transaction() as session:
        await session.execute(
            update(GitHubWebhook).where(GitHubWebhook.id == webhook.id).values(values)
        )


def _is_reachable(public_url: str) -> bool:
    """Whether others than this machine and its network may reach an address, by what it says."""
    host = (urlsplit(public_url).hostname or "").rstrip(".").lower()
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
