"""Finding what providers hold and no row accounts for, and removing what an operator chose.

A row is written before a provider is asked for anything, and its id is in what is made. So what is
listed at a provider first and looked for among the rows afterwards is either accounted for, or it
is nobody's for good: no row comes later with an id that was used before. Builds are the exception,
since any deployment of the project may take one up; their project is locked while one is removed.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.providers.manifests import Capability
from autodeploy.providers.resources import FoundResource, ResourceKind
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.states import TERMINAL

# What is being made or removed at this moment is not called an orphan.
YOUNG = timedelta(hours=1)
_BATCH = 500

_log = structlog.get_logger(__name__)


async def find_orphans(engine: Engine) -> None:
    """One pass over what is here: note what is nobody's, and forget what is not there any more or
    has been accounted for. Idempotent."""
    for name in _providers(engine):
        if not engine.providers.is_hosted(name):
            await _look_at(engine, name, None)


async def find_hosted_orphans(engine: Engine) -> None:
    """The same, over what providers elsewhere hold for each account that is connected."""
    hosted = [name for name in _providers(engine) if engine.providers.is_hosted(name)]
    async with engine.resources.db.transaction() as session:
        rows = await session.execute(
            select(ProviderIntegration.provider, ProviderIntegration.id).where(
                ProviderIntegration.provider.in_(hosted)
            )
        )
        connections = rows.all()
    for name, connection_id in connections:
        await _look_at(engine, name, connection_id)


def _providers(engine: Engine) -> list[str]:
    """Those that can tell what they hold."""
    return [
        manifest.name
        for manifest in engine.providers.list()
        if Capability.RESOURCES in manifest.capabilities
    ]


async def _look_at(engine: Engine, provider: str, connection_id: UUID | None) -> None:
    try:
        await _find_at(engine, provider, connection_id)
    except Exception as error:
        _log.warning("orphans.not_looked_for", provider=provider, error=type(error).__name__)


def has_unwanted() -> ColumnElement[bool]:
    """Whether there are some whose removal was asked for."""
    return exists(_unwanted())


async def remove_orphans(engine: Engine) -> None:
    """One pass over those whose removal was asked for. Idempotent; repeated until done."""
    async with engine.resources.db.transaction() as session:
        ids = await session.scalars(_unwanted().limit(_BATCH))
    for orphan_id in ids.all():
        try:
            await _remove(engine, orphan_id)
        except Exception as error:
            _log.warning("orphan.not_removed", orphan_id=str(orphan_id), error=type(error).__name__)


def _unwanted() -> Select[UUID]:
    return select(Orphan.id).where(Orphan.removal_requested_at.is_not(None))


async def _find_at(engine: Engine, provider: str, connection_id: UUID | None) -> None:
    oldest = now() - YOUNG
    account = await open_account(engine.resources, connection_id, providers=engine.providers)
    listed = engine.providers.resources(provider, account).list_resources()
    found = [each async for each in listed if each.made_at < oldest]
    orphans: list[FoundResource] = []
    for start in range(0, len(found), _BATCH):
        batch = found[start : start + _BATCH]
        async with engine.resources.db.transaction() as session:
            known = await _accounted_for(session, batch)
        orphans += [each for each in batch if _key(each) not in known]
    await _note(engine, provider, connection_id, orphans)


async def _note(
    engine: Engine, provider: str, connection_id: UUID | None, orphans: Sequence[FoundResource]
) -> None:
    """Have the table hold these of the provider and account, and no others."""
    async with engine.resources.db.transaction() as session:
        rows = await session.scalars(
            select(Orphan).where(
                Orphan.provider == provider,
                Orphan.connection_id.is_not_distinct_from(connection_id),
            )
        )
        noted = {(ResourceKind(row.kind), row.external_id): row.id for row in rows}
        gone = noted.keys() - {_key(each) for each in orphans}
        await session.execute(delete(Orphan).where(Orphan.id.in_({noted[key] for key in gone})))
        new = [
            _columns(provider, connection_id, each) for each in orphans if _key(each) not in noted
        ]
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            await session.execute(insert(Orphan).values(batch).on_conflict_do_nothing())


async def _remove(engine: Engine, orphan_id: UUID) -> None:
    """Remove it unless it is accounted for by now. The row goes last, and holds the intent."""
    async with engine.resources.db.transaction() as session:
        orphan = await session.get(
            Orphan, orphan_id, with_for_update={"skip_locked": True, "key_share": False}
        )
        if orphan is None:
            return  # another worker is at it, or it is done
        found = FoundResource(
            kind=ResourceKind(orphan.kind),
            external_id=orphan.external_id,
            made_at=orphan.made_at,
            made_for=orphan.made_for,
            app_number=orphan.app_number,
        )
        await _keep_deployments_out(session, found)
        if _key(found) in await _accounted_for(session, [found]):
            _log.info("orphan.accounted_for", kind=orphan.kind, external_id=orphan.external_id)
        else:
            account = await open_account(
                engine.resources, orphan.connection_id, providers=engine.providers
            )
            provider = engine.providers.resources(orphan.provider, account)
            await provider.remove_resource(found.kind, found.external_id)
            _log.info("orphan.removed", kind=orphan.kind, external_id=orphan.external_id)
        await session.delete(orphan)


async def _keep_deployments_out(session: AsyncSession, found: FoundResource) -> None:
    """Have no deployment begin for the project of a build until the transaction ends: the row of
    a deployment needs its project's."""
    if found.kind == ResourceKind.BUILD and found.app_number is not None:
        await session.execute(
            select(Project.id)
            .join(Environment, Environment.project_id == Project.id)
            .where(Environment.number == found.app_number)
            .with_for_update(of=Project)
        )


_Key = tuple[ResourceKind, str]


def _key(found: FoundResource) -> _Key:
    return found.kind, found.external_id


async def _accounted_for(session: AsyncSession, found: Sequence[FoundResource]) -> set[_Key]:
    """Those of them that a row accounts for."""
    of_kind = {kind: [each for each in found if each.kind == kind] for kind in ResourceKind}
    return {
        *await _known_releases(session, of_kind[ResourceKind.RELEASE]),
        *await _known_apps(session, of_kind[ResourceKind.APP]),
        *await _known_databases(session, of_kind[ResourceKind.DATABASE]),
        *await _known_builds(session, of_kind[ResourceKind.BUILD]),
    }


async def _known_releases(session: AsyncSession, found: Sequence[FoundResource]) -> list[_Key]:
    """Those of deployments that have not ended, or have a release that is in use or to retire."""
    live = select(Environment.live_deployment_id).where(Environment.live_deployment_id.is_not(None))
    ids = await session.scalars(
        select(Deployment.id).where(
            Deployment.id.in_({each.made_for for each in found}),
            or_(
                Deployment.has_release,
                Deployment.status.not_in(TERMINAL),
                Deployment.id.in_(live),
            ),
        )
    )
    known = set(ids)
    return [_key(each) for each in found if each.made_for in known]


async def _known_apps(session: AsyncSession, found: Sequence[FoundResource]) -> list[_Key]:
    """By the numbers of apps, or elsewhere by a deployment to an environment that there is."""
    wanted = {each.app_number for each in found}
    numbers = await session.scalars(
        select(Environment.number).where(Environment.number.in_(wanted))
    )
    deployments = await session.scalars(
        select(Deployment.id)
        .join(
            Environment,
            (Environment.project_id == Deployment.project_id)
            & (Environment.name == Deployment.environment),
        )
        .where(Deployment.id.in_({each.made_for for each in found}))
    )
    known, deployed = set(numbers), set(deployments)
    return [_key(each) for each in found if each.app_number in known or each.made_for in deployed]


async def _known_databases(session: AsyncSession, found: Sequence[FoundResource]) -> list[_Key]:
    """By the id that it was asked for with: a half-made one has no other yet."""
    rows = await session.execute(
        select(ProjectDatabase.id, ProjectDatabase.external_id).where(
            or_(
                ProjectDatabase.id.in_({each.made_for for each in found}),
                ProjectDatabase.external_id.in_({each.external_id for each in found}),
            )
        )
    )
    known = {value for row in rows for value in row}
    return [_key(each) for each in found if {each.made_for, each.external_id} & known - {None}]


async def _known_builds(session: AsyncSession, found: Sequence[FoundResource]) -> list[_Key]:
    """Those that a deployment names, and all of projects where one that has not ended may."""
    named = set(
        await session.scalars(
            select(Deployment.artifact_key).where(
                Deployment.artifact_key.in_({each.external_id for each in found})
            )
        )
    )
    busy = set(
        await session.scalars(
            select(Environment.number)
            .join(Deployment, Deployment.project_id == Environment.project_id)
            .where(
                Environment.number.in_({each.app_number for each in found}),
                Deployment.status.not_in(TERMINAL),
            )
        )
    )
    return [_key(each) for each in found if each.external_id in named or each.app_number in busy]


def _columns(provider: str, connection_id: UUID | None, found: FoundResource) -> dict[str, object]:
    return {
        "provider": provider,
        "connection_id": connection_id,
        "kind": found.kind,
        "external_id": found.external_id,
        "made_for": found.made_for,
        "app_number": found.app_number,
        "size_bytes": found.size_bytes,
        "made_at": found.made_at,
    }
