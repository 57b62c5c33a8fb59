"""One list of all that rows account for: releases, builds, databases and backups.

Each kind is a query of the same columns. What they read grows with what is held, which retention
bounds, not with how many deployments there ever were.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    String,
    Subquery,
    Uuid,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from autodeploy.services.auth.reach import Reach
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.holdings.schemas import HeldKind, HeldState
from autodeploy.services.deployer.models import (
    Deployment,
    DeploymentStep,
    Environment,
    Project,
)
from autodeploy.services.deployer.states import TERMINAL, StepName

_K, _S = HeldKind, HeldState
_Column = ColumnElement[Any] | InstrumentedAttribute[Any]


def held(reach: Reach, project_id: UUID | None) -> Subquery:
    """What is held for the projects within reach, or for one of them."""
    parts = (_releases(), _builds(), _databases(), _backups())
    wanted = [
        part.where(
            reach.covers(Project.organization_id, Project.id),
            *([Project.id == project_id] if project_id else []),
        )
        for part in parts
    ]
    return union_all(*wanted).subquery("held")


def _row(
    kind: HeldKind,
    source: type[Deployment | ProjectDatabase | DatabaseBackup],
    *,
    state: _Column,
    provider: _Column,
    external_id: _Column,
    deployment_id: _Column | None = None,
    size_bytes: _Column | None = None,
) -> Select[Any]:
    """A kind's columns. A deployment can have a release and a build, so both get an id that is
    made of the deployment's."""
    is_leaving = Project.deletion_requested_at.is_not(None)
    return select(
        cast(func.md5(func.concat(kind.value, ":", source.id)), Uuid).label("id"),
        literal(kind.value, String).label("kind"),
        case((is_leaving, _S.LEAVING.value), else_=state).label("state"),
        Project.id.label("project_id"),
        Project.name.label("project_name"),
        source.environment.label("environment"),
        provider.label("provider"),
        external_id.label("external_id"),
        cast(null() if deployment_id is None else deployment_id, Uuid).label("deployment_id"),
        cast(null() if size_bytes is None else size_bytes, BigInteger).label("size_bytes"),
        cast(source.created_at, DateTime(timezone=True)).label("created_at"),
    ).join(Project, Project.id == source.project_id)


def _is_live(deployment: type[Deployment]) -> ColumnElement[bool]:
    environment = aliased(Environment)
    return exists(select(environment.id).where(environment.live_deployment_id == deployment.id))


def _releases() -> Select[Any]:
    made = exists(
        select(DeploymentStep.id).where(
            DeploymentStep.deployment_id == Deployment.id,
            DeploymentStep.name == StepName.DEPLOY_TO_PROVIDER,
            DeploymentStep.resources.has_key("release"),
        )
    )
    state = case(
        (_is_live(Deployment), _S.LIVE.value),
        (Deployment.status.in_(TERMINAL), _S.LEAVING.value),
        (made, _S.STANDBY.value),
        else_=_S.HALF_MADE.value,
    )
    return _row(
        _K.RELEASE,
        Deployment,
        state=state,
        provider=Deployment.provider,
        external_id=cast(Deployment.id, String),
        deployment_id=Deployment.id,
    ).where(Deployment.has_release)


def _builds() -> Select[Any]:
    """Each build once: with the first deployment that still names it."""
    earlier, user = aliased(Deployment), aliased(Deployment)
    is_named_before = exists(
        select(earlier.id).where(
            earlier.artifact_key == Deployment.artifact_key,
            earlier.project_id == Deployment.project_id,
            or_(
                earlier.created_at < Deployment.created_at,
                (earlier.created_at == Deployment.created_at) & (earlier.id < Deployment.id),
            ),
        )
    )
    is_live = exists(
        select(user.id).where(user.artifact_key == Deployment.artifact_key, _is_live(user))
    )
    size = (
        select(DeploymentStep.resources["size_bytes"].as_integer())
        .where(
            DeploymentStep.deployment_id == Deployment.id,
            DeploymentStep.name == StepName.BUILD_APPLICATION,
        )
        .scalar_subquery()
    )
    return _row(
        _K.BUILD,
        Deployment,
        state=case((is_live, _S.LIVE.value), else_=_S.KEPT.value),
        provider=Deployment.provider,
        external_id=Deployment.artifact_key,
        deployment_id=Deployment.id,
        size_bytes=size,
    ).where(Deployment.artifact_key.is_not(None), ~is_named_before)


def _databases() -> Select[Any]:
    has_release = exists(
        select(Environment.id).where(
            Environment.project_id == ProjectDatabase.project_id,
            Environment.name == ProjectDatabase.environment,
            Environment.live_deployment_id.is_not(None),
        )
    )
    state = case(
        (ProjectDatabase.status == "deleting", _S.LEAVING.value),
        (ProjectDatabase.status.in_(("provisioning", "error")), _S.HALF_MADE.value),
        (ProjectDatabase.status == "paused", _S.KEPT.value),
        (has_release, _S.LIVE.value),
        else_=_S.KEPT.value,
    )
    return _row(
        _K.DATABASE,
        ProjectDatabase,
        state=state,
        provider=ProjectDatabase.provider,
        external_id=ProjectDatabase.external_id,
    )


def _backups() -> Select[Any]:
    state = case(
        (DatabaseBackup.status == "pending", _S.HALF_MADE.value),
        (DatabaseBackup.status == "failed", _S.LEAVING.value),
        else_=_S.KEPT.value,
    )
    return _row(
        _K.BACKUP,
        DatabaseBackup,
        state=state,
        provider=literal("objects", String),
        external_id=DatabaseBackup.object_key,
        size_bytes=DatabaseBackup.size_bytes,
    ).where(DatabaseBackup.object_key.is_not(None))
