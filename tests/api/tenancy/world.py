"""Two tenants with the same things, and callers of every kind, prepared once for the matrix.

What belongs to whom is told by a word in its name: ``antelope`` is the callers' organization's,
``giraffe`` its second project's, which limited callers may not see, ``zebra`` the other's.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.tenancy.permission_table import SHARED_URL
from tests.services.analyzer.archives import chunks, tar_gz

from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.authentication import AUDIENCE
from autodeploy.services.auth.models import (
    ApiToken,
    Invitation,
    Organization,
    OrganizationMember,
    Role,
    ServiceToken,
    Session,
    User,
)
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.tokens import digest, new_personal_token, new_service_token
from autodeploy.services.deployer import variables
from autodeploy.services.deployer.databases.models import (
    DatabaseBackup,
    DatabaseRestore,
    ProjectDatabase,
)
from autodeploy.services.deployer.domains.models import Domain
from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive
from autodeploy.services.deployer.models import (
    Deployment,
    DeploymentEvent,
    DeploymentStep,
    Environment,
    Project,
)
from autodeploy.services.deployer.pushes.models import Preview
from autodeploy.services.deployer.runs.models import Run, RunLine
from autodeploy.services.deployer.variable_schemas import VariableInput
from autodeploy.services.monitor.notifications import channels, deliveries, webhooks
from autodeploy.services.monitor.notifications.endpoints import CHANNELS, WEBHOOKS
from autodeploy.services.monitor.notifications.models import Endpoint, EndpointKind
from autodeploy.services.monitor.notifications.schemas import ChannelInput, WebhookInput

OURS, SECOND, THEIRS = "antelope", "giraffe", "zebra"
#: Objects as the callers' organization sees them: its own, one of another project of it, one of
#: another tenant and one that is not there; and under a parent of its own, another tenant's child
#: and a child that is not there.
TARGETS = ("own", "sibling", "foreign", "missing", "crossed", "absent")


@dataclass(frozen=True)
class Caller:
    """Who calls. ``role`` is the one in the callers' organization, None for others."""

    name: str
    header: str | None
    valid: bool = True
    role: Role | None = None
    scope: Scope | None = Scope.ADMIN
    limited: bool = False
    service: bool = False
    operator: bool = False
    user_id: UUID | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.header} if self.header else {}

    def forbidden_words(self) -> set[str]:
        """What no answer to this caller may hold."""
        if self.role is None:
            return {OURS, SECOND} | (set() if self.name == "stranger" else {THEIRS})
        return {THEIRS, SECOND} if self.limited else {THEIRS}


_CHILD_IDS = (
    "user_id", "token_id", "invitation_id", "backup_id", "webhook_id", "channel_id", "delivery_id",
)  # fmt: skip


@dataclass
class Estate:
    """An organization with one project in full."""

    organization_id: UUID
    owner_id: UUID
    project_id: UUID
    repository_id: UUID
    deployment_id: UUID
    service_token_id: UUID
    invitation_id: UUID
    database_id: UUID
    backup_id: UUID
    run_id: UUID
    webhook_id: UUID
    channel_id: UUID
    delivery_id: UUID

    def ids(self) -> dict[str, str]:
        named = {
            "organization_id": self.organization_id,
            "user_id": self.owner_id,
            "project_id": self.project_id,
            "repository_id": self.repository_id,
            "deployment_id": self.deployment_id,
            "token_id": self.service_token_id,
            "invitation_id": self.invitation_id,
            "database_id": self.database_id,
            "backup_id": self.backup_id,
            "run_id": self.run_id,
            "webhook_id": self.webhook_id,
            "channel_id": self.channel_id,
            "delivery_id": self.delivery_id,
        }
        return {name: str(value) for name, value in named.items()}


@dataclass
class World:
    resources: Resources
    ours: Estate
    second: Estate
    theirs: Estate
    users: dict[str, UUID]
    their_token_id: UUID
    their_session_id: UUID
    callers: list[Caller] = field(default_factory=list)

    def ids(self, target: str, kind: str | None) -> dict[str, str]:
        """The ids that a request about an object of ``kind`` names."""
        own, foreign = self.ours.ids(), self.theirs.ids()
        ids = {
            "own": own,
            "sibling": self.second.ids(),
            "foreign": foreign,
            "missing": {name: str(uuid4()) for name in own},
            "crossed": {**own, **{name: foreign[name] for name in _CHILD_IDS}},
            "absent": {**own, **{name: str(uuid4()) for name in _CHILD_IDS}},
        }[target]
        if kind == "member" and target == "own":
            ids = {**ids, "user_id": str(self.users["member"])}
        if kind == "colleague" and target == "own":
            ids = {**ids, "user_id": str(self.users["spare"])}
        if target == "foreign":
            ids = {**ids, "session_id": str(self.their_session_id)}
        if kind == "personal_token" and target == "foreign":
            ids = {**ids, "token_id": str(self.their_token_id)}
        return {
            "session_id": str(uuid4()),
            **ids,
            "own_organization_id": own["organization_id"],
            "own_project_id": own["project_id"],
            "spare_user_id": str(self.users["spare"]),
            "name": "local",
            "key": "KEY",
            "environment": "staging",
        }

    async def spend(self, caller: Caller, template: str, ids: dict[str, str]) -> dict[str, str]:
        """Ids of an object like the one that is named, made to be used up."""
        organization_id, project_id = self.ours.organization_id, UUID(ids["project_id"])
        if "{key}" in template:
            key = f"SPENT_{uuid4().hex}"
            owner_id = self.ours.owner_id
            await _variable(self.resources, organization_id, owner_id, project_id, OURS, key)
            return {**ids, "key": key}
        async with self.resources.db.transaction() as session:
            if "{environment}" in template:
                name = f"e{uuid4().hex[:12]}"
                session.add(
                    Environment(
                        organization_id=organization_id, project_id=project_id, name=name, host=name
                    )
                )
                return {**ids, "environment": name}
            if "{invitation_id}" in template:
                invitation = _invitation(organization_id, self.ours.owner_id, OURS)
                session.add(invitation)
                return {**ids, "invitation_id": str(invitation.id)}
            if "{user_id}" in template:
                user = _user(uuid4(), f"{OURS}-{uuid4().hex}")
                session.add(user)
                await session.flush()
                session.add(_member(organization_id, user.id, Role.VIEWER))
                return {**ids, "user_id": str(user.id)}
            if "{webhook_id}" in template or "{channel_id}" in template:
                is_webhook = "{webhook_id}" in template
                endpoint = Endpoint(
                    id=uuid4(), organization_id=organization_id, name=OURS, target=OURS,
                    kind=EndpointKind.WEBHOOK if is_webhook else EndpointKind.SLACK,
                )  # fmt: skip
                session.add(endpoint)
                name = "webhook_id" if is_webhook else "channel_id"
                return {**ids, name: str(endpoint.id)}
            if "{session_id}" in template:
                row = _session(caller.user_id)
                session.add(row)
                return {**ids, "session_id": str(row.id)}
            if "{token_id}" not in template:
                project = await _project(session, organization_id, None, OURS)
                return {**ids, "project_id": str(project.id)}
            token: ApiToken | ServiceToken
            if "{project_id}" in template:
                token, _ = _service_token(organization_id, project_id, OURS)
            else:
                token, _ = _personal_token(caller.user_id, "spent")  # in the log of that account
            session.add(token)
            return {**ids, "token_id": str(token.id)}


_USERS = ("owner", "admin", "member", "viewer", "limited", "guest", "spare", "invited")
_ROLES = {"limited": Role.MEMBER, "guest": Role.VIEWER, "spare": Role.VIEWER, "invited": Role.ADMIN}


async def make_world(resources: Resources) -> World:
    """The tenants and callers; ``resources`` see all of the database."""
    users = {name: uuid4() for name in _USERS}
    organization_id = uuid4()
    async with resources.db.transaction() as session:
        words = {name: name if name == "invited" else f"{OURS}-{name}" for name in users}
        session.add_all(_user(id_, words[name]) for name, id_ in users.items())
        await session.flush()
        session.add(Organization(id=organization_id, name=OURS, slug=OURS))
        await session.flush()
        for name, id_ in users.items():
            member = _member(organization_id, id_, _ROLES.get(name) or Role(name))
            member.joined_at = None if name == "invited" else member.joined_at
            session.add(member)
    ours = await _estate(resources, organization_id, users["owner"], OURS)
    second = await _estate(resources, organization_id, users["owner"], SECOND)
    stranger, operator, their_organization, elsewhere = (uuid4() for _ in range(4))
    async with resources.db.transaction() as session:
        session.add_all([_user(stranger, THEIRS), _user(operator, "operator", is_admin=True)])
        session.add(Organization(id=their_organization, name=THEIRS, slug=THEIRS))
        session.add(Organization(id=elsewhere, name="operator", slug="operator"))
        await session.flush()
        session.add(_member(their_organization, stranger, Role.OWNER))
        session.add(_member(elsewhere, operator, Role.OWNER))
        for name in ("limited", "guest"):
            await session.execute(
                text("UPDATE organization_members SET project_ids = :ids WHERE user_id = :user"),
                {"ids": [ours.project_id], "user": users[name]},
            )
        their_token = _personal_token(stranger, THEIRS)[0]
        their_session = _session(stranger)
        session.add_all([their_token, their_session])
        session.add(
            Repository(
                organization_id=their_organization, kind="git", full_name=THEIRS, url=SHARED_URL
            )
        )
    theirs = await _estate(resources, their_organization, stranger, THEIRS)
    world = World(resources, ours, second, theirs, users, their_token.id, their_session.id)
    async with resources.db.transaction() as session:
        world.callers = [
            *await _callers(resources, session, world, users),
            Caller("invited", await _bearer(session, users["invited"]), user_id=users["invited"]),
            Caller("stranger", await _bearer(session, stranger), user_id=stranger),
            Caller("operator", await _bearer(session, operator), operator=True, user_id=operator),
        ]
    return world


async def _callers(
    resources: Resources, session: AsyncSession, world: World, users: Mapping[str, UUID]
) -> list[Caller]:
    owner = users["owner"]
    past = now() - timedelta(seconds=1)
    ended, live = _session(owner, revoked_at=past), _session(owner)
    session.add_all([ended, live])

    def access(row: Session, seconds: int) -> str:
        claims = {"sub": str(owner), "sid": str(row.id), "aud": AUDIENCE}
        moments = {"iat": past, "exp": now() + timedelta(seconds=seconds)}
        return f"Bearer {resources.signer.sign({**claims, **moments})}"

    async def service(scope: Scope, **values: Any) -> str:
        project = world.ours
        row, token = _service_token(
            project.organization_id, project.project_id, OURS, scopes=[scope], **values
        )
        session.add(row)
        await session.flush()
        return f"Bearer {token}"

    roles = [
        Caller(role.value, await _bearer(session, users[role]), role=role, user_id=users[role])
        for role in Role
    ]
    limited = [
        Caller(
            f"limited {role}", await _bearer(session, users[name]), role=role, limited=True,
            user_id=users[name],
        )
        for name, role in (("limited", Role.MEMBER), ("guest", Role.VIEWER))
    ]  # fmt: skip
    scoped = [
        Caller(
            f"owner with {scope or 'no scope'}",
            await _bearer(session, owner, scopes=[scope] if scope else []),
            role=Role.OWNER, scope=scope, user_id=owner,
        )
        for scope in (None, Scope.READ, Scope.DEPLOY, Scope.WRITE)
    ]  # fmt: skip
    services = [
        Caller(
            f"service token with {scope}", await service(scope), role=Role.MEMBER, scope=scope,
            limited=True, service=True,
        )
        for scope in (Scope.READ, Scope.DEPLOY, Scope.WRITE)
    ]  # fmt: skip
    invalid = {
        "anonymous": None,
        "unknown token": f"Bearer {new_personal_token()}",
        "expired token": await _bearer(session, owner, expires_at=past),
        "revoked token": await _bearer(session, owner, revoked_at=past),
        "unknown service token": f"Bearer {new_service_token()}",
        "expired service token": await service(Scope.WRITE, expires_at=past),
        "revoked service token": await service(Scope.WRITE, revoked_at=past),
        "expired session": access(live, -1),
        "ended session": access(ended, 60),
    }
    return [
        *(Caller(name, header, valid=False) for name, header in invalid.items()),
        *roles,
        *limited,
        *scoped,
        *services,
    ]


async def _estate(resources: Resources, organization_id: UUID, owner_id: UUID, word: str) -> Estate:
    principal = Principal(
        account_id=owner_id, email="", roles={organization_id: Role.OWNER}, scopes=frozenset(Scope)
    )
    uploaded = await analyzer.store_upload(
        resources, principal, chunks(tar_gz({"index.html": word})), name=word,
        organization_id=organization_id,
    )  # fmt: skip
    repository_id = uploaded.repository.id
    await analyzer.ensure_analysis(
        resources, repository_id, "upload", uploaded.commit, providers=Registry([])
    )
    async with resources.db.transaction() as session:
        project = await _project(session, organization_id, repository_id, word)
        deployment_id = await _deployment(session, project, uploaded.commit, word)
        token = _service_token(organization_id, project.id, word)[0]
        invitation = _invitation(organization_id, owner_id, word)
        session.add_all([token, invitation])
        database_id, backup_id = await _database(session, project, word)
        run_id = await _run(session, project, word)
        await _domain(session, project)
    await _variable(resources, organization_id, owner_id, project.id, word)
    webhook_id, channel_id, delivery_id = await _endpoints(resources, principal, word)
    return Estate(
        organization_id, owner_id, project.id, repository_id, deployment_id, token.id,
        invitation.id, database_id, backup_id, run_id, webhook_id, channel_id, delivery_id,
    )  # fmt: skip


async def _database(session: AsyncSession, project: Project, word: str) -> tuple[UUID, UUID]:
    """A database that no worker has made yet, with a backup and a restore."""
    database = ProjectDatabase(
        id=uuid4(), organization_id=project.organization_id, project_id=project.id,
        environment="production", name=word, provider="local",
    )  # fmt: skip
    session.add(database)
    await session.flush()
    backup = DatabaseBackup(
        id=uuid4(), organization_id=project.organization_id, project_id=project.id,
        database_id=database.id, environment="production", database_name=word, kind="manual",
        status="failed",
    )  # fmt: skip
    session.add(backup)
    await session.flush()
    session.add(
        DatabaseRestore(
            organization_id=project.organization_id, database_id=database.id,
            backup_id=backup.id, status="failed", error_code="conflict", error_message=word,
        )
    )  # fmt: skip
    return database.id, backup.id


async def _endpoints(
    resources: Resources, principal: Principal, word: str
) -> tuple[UUID, UUID, UUID]:
    """A webhook with something to deliver, and a channel."""
    (organization_id,) = principal.roles
    at = (resources, principal, organization_id)
    url = f"http://127.0.0.1:9/{word}"
    webhook = await webhooks.create_webhook(*at, WebhookInput(url=url, name=word))
    channel = await channels.create_channel(
        *at, ChannelInput(kind=EndpointKind.SLACK, name=word, address=url)
    )
    delivery = await deliveries.ping(*at, webhook.id, WEBHOOKS)
    await deliveries.ping(*at, channel.id, CHANNELS)
    return webhook.id, channel.id, delivery.id


async def _run(session: AsyncSession, project: Project, word: str) -> UUID:
    """A command that has ended, and what it printed."""
    environment_id = await session.scalar(
        select(Environment.id).where(Environment.project_id == project.id)
    )
    owned = {"organization_id": project.organization_id}
    run = Run(
        id=uuid4(), project_id=project.id, environment_id=environment_id, command=[word],
        environment="production", timeout_seconds=60, status="succeeded", exit_code=0,
        line_sequence=1, **owned,
    )  # fmt: skip
    session.add(run)
    session.add(
        Preview(
            project_id=project.id, number=7, environment="pr-7", title=word, head_sha="0" * 40,
            **owned,
        )
    )  # fmt: skip
    await session.flush()
    session.add(
        RunLine(
            run_id=run.id, sequence=1, timestamp=now(), stream="stdout", message=word, **owned
        )
    )  # fmt: skip
    return run.id


async def _domain(session: AsyncSession, project: Project) -> None:
    environment = await session.scalar(
        select(Environment).where(Environment.project_id == project.id)
    )
    assert environment is not None
    session.add(
        Domain(
            organization_id=project.organization_id, project_id=project.id,
            environment_id=environment.id, environment=environment.name,
            name=f"{project.id}.example.com",
        )
    )  # fmt: skip


async def _project(
    session: AsyncSession, organization_id: UUID, repository_id: UUID | None, word: str
) -> Project:
    slug = f"{word}-{uuid4().hex[:12]}"
    project = Project(
        id=uuid4(), organization_id=organization_id, name=word, slug=slug,
        repository_id=repository_id,
    )  # fmt: skip
    session.add(project)
    await session.flush()
    session.add(
        Environment(
            organization_id=organization_id, project_id=project.id, name="production", host=slug
        )
    )
    await session.flush()
    return project


async def _deployment(session: AsyncSession, project: Project, commit: str, word: str) -> UUID:
    owned = {"organization_id": project.organization_id}
    row = Deployment(
        id=uuid4(), project_id=project.id, branch=word, commit_sha=commit, provider="local",
        status="ready", log_sequence=2, event_sequence=1, **owned,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    child = {"deployment_id": row.id, **owned}
    session.add_all(
        [
            DeploymentStep(
                position=0,
                name="build_application",
                estimated_seconds=1,
                estimated_seconds_p90=2,
                **child,
            ),
            DeploymentLogArchive(
                first=1,
                last=1,
                key=f"logs/{row.id}/1-1.jsonl.zst",
                size_bytes=1,
                first_timestamp=now(),
                last_timestamp=now(),
                levels=["info"],
                sources=[word],
                **child,
            ),
            DeploymentLog(
                sequence=2, timestamp=now(), level="info", source="app", message=word, **child
            ),
            DeploymentEvent(
                sequence=1,
                type="deployment.status",
                payload={"sequence": 1, "type": "deployment.status", "status": word},
                **child,
            ),
        ]
    )
    return row.id


async def _variable(
    resources: Resources,
    organization_id: UUID,
    owner_id: UUID,
    project_id: UUID,
    word: str,
    key: str = "KEY",
) -> None:
    owner = Principal(
        account_id=owner_id, email="", roles={organization_id: Role.OWNER}, scopes=frozenset(Scope)
    )
    body = VariableInput(key=key, value=word, is_secret=False)
    await variables.create_variable(resources, owner, project_id, body)


def _user(user_id: UUID, word: str, *, is_admin: bool = False) -> User:
    return User(
        id=user_id,
        email=f"{word}@example.com",
        name=word,
        is_admin=is_admin,
        email_verified_at=now(),
    )


def _session(user_id: UUID | None, **values: Any) -> Session:
    later = now() + timedelta(days=1)
    digest_ = secrets.token_bytes(32)
    return Session(
        id=uuid4(), user_id=user_id, refresh_token_hash=digest_, expires_at=later, **values
    )


def _member(organization_id: UUID, user_id: UUID, role: Role) -> OrganizationMember:
    return OrganizationMember(
        organization_id=organization_id, user_id=user_id, role=role, joined_at=now()
    )


def _invitation(organization_id: UUID, sender_id: UUID, word: str) -> Invitation:
    return Invitation(
        id=uuid4(), organization_id=organization_id, email=f"{word}-{uuid4().hex}@example.com",
        token_hash=digest(uuid4().hex), invited_by=sender_id, expires_at=now() + timedelta(days=7),
    )  # fmt: skip


def _personal_token(user_id: UUID | None, word: str, **values: Any) -> tuple[ApiToken, str]:
    secret = new_personal_token()
    scopes = values.pop("scopes", [Scope.ADMIN])
    row = ApiToken(
        id=uuid4(), user_id=user_id, name=word, token_hash=digest(secret), prefix=secret[:12],
        scopes=[str(scope) for scope in scopes], **values,
    )  # fmt: skip
    return row, secret


def _service_token(
    organization_id: UUID, project_id: UUID, word: str, **values: Any
) -> tuple[ServiceToken, str]:
    secret = new_service_token()
    scopes = values.pop("scopes", [Scope.WRITE])
    row = ServiceToken(
        id=uuid4(), organization_id=organization_id, project_id=project_id, name=word,
        token_hash=digest(secret), prefix=secret[:12], scopes=[str(scope) for scope in scopes],
        **{"expires_at": now() + timedelta(days=1), **values},
    )  # fmt: skip
    return row, secret


async def _bearer(session: AsyncSession, user_id: UUID, **values: Any) -> str:
    row, secret = _personal_token(user_id, "credential", **values)
    session.add(row)
    await session.flush()
    return f"Bearer {secret}"
