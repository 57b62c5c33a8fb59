"""What the emulated Vercel holds, and the shapes in which it shows it.

A deployment and a promotion move through their states by the time, which the test gives.
"""

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]

EPOCH_MS = 1_793_000_000_000
_ids = itertools.count(1)

#: When a deployment comes to a state, in seconds from its creation.
_TIMELINE = ((0.0, "QUEUED"), (2.0, "INITIALIZING"), (3.0, "BUILDING"), (10.0, "READY"))
_ENDS = 10.0
_ALIASED = 30.0


class Seconds(Protocol):
    @property
    def seconds(self) -> float: ...


def new_id(kind: str) -> str:
    return f"{kind}_{next(_ids):06d}"


@dataclass
class Deployment:
    """``variables`` are what it was built with, and runs with for ever. ``outcome`` is what it
    comes to: ready, error, blocked, alias_error, check_failed, never
    (it builds for ever), unaliased (it never gets an address) or untold (that it is staged is not
    told)."""

    time: Seconds
    project: "Project"
    body: Json
    outcome: str
    lines: list[tuple[float, str, str]]
    id: str = field(default_factory=lambda: new_id("dpl"))
    created: float = 0.0
    canceled: bool = False
    deleted: bool = False
    promoted: bool = False
    staged: bool = False
    answers_at: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.created = self.time.seconds

    @property
    def created_ms(self) -> int:
        # No two have the same: lists are paged by it.
        return EPOCH_MS + int(self.created * 1000) + int(self.id[-6:])

    @property
    def age(self) -> float:
        return self.time.seconds - self.created

    @property
    def state(self) -> str:
        if self.canceled:
            return "CANCELED"
        state = [name for since, name in _TIMELINE if self.age >= since][-1]
        if state == "BUILDING" and self.outcome == "blocked":
            return "BLOCKED"
        if state == "READY":
            return {"error": "ERROR", "blocked": "BLOCKED", "never": "BUILDING"}.get(
                self.outcome, "READY"
            )
        return state

    @property
    def ended(self) -> bool:
        return self.state in ("READY", "ERROR", "CANCELED", "BLOCKED")

    @property
    def target(self) -> str | None:
        target: str | None = self.body.get("target")
        return target

    @property
    def aliased(self) -> bool:
        wrong = self.outcome in ("alias_error", "unaliased", "check_failed")
        ready = self.state == "READY" and self.age >= _ALIASED and not wrong
        return self.promoted or (ready and not self.staged)

    @property
    def host(self) -> str:
        return self.answers_at or f"{self.project.name}-{self.id[-6:]}-engines.vercel.app"

    @property
    def _outcome_fields(self) -> Json:
        made: Json = {}
        if self.state == "ERROR":
            made |= {"errorCode": "BUILD_FAILED", "errorStep": "buildStep",
                     "errorMessage": 'Command "npm run build" exited with 1'}  # fmt: skip
        if self.state == "BLOCKED":
            made |= {"seatBlock": {"blockCode": "COMMIT_AUTHOR_REQUIRED"}}
        if self.state == "READY" and self.age >= _ALIASED:
            if self.outcome == "alias_error":
                made |= {"aliasError": {"code": "cert_missing", "message": "No certificate"}}
            if self.outcome == "check_failed":
                check = {"startedAt": self.created_ms, "state": "failed"}
                made |= {"checks": {"deployment-alias": check}}
        if self.state == "READY" and self.target == "production" and self.outcome != "untold":
            made["readySubstate"] = "PROMOTED" if self.promoted else "STAGED"
        return made

    def shape(self) -> Json:
        return {
            "id": self.id, "url": self.host, "name": self.project.name, "status": self.state,
            "readyState": self.state, "aliasAssigned": self.aliased, "projectId": self.project.id,
            "alias": self._aliases, "target": self.target, "createdAt": self.created_ms,
            "meta": self.body.get("meta", {}), "bootedAt": self.created_ms, "build": {"env": []},
            "buildingAt": self.created_ms, "buildSkipped": False, "createdIn": "iad1",
            "creator": {"uid": "user-1"}, "env": [], "inspectorUrl": None,
            "isInConcurrentBuildsQueue": self.state == "QUEUED", "isInSystemBuildsQueue": False,
            "ownerId": self.project.owner, "plan": "pro", "projectSettings": {}, "public": False,
            "regions": ["iad1"], "routes": None, "type": "LAMBDAS", "version": 2,
            **self._outcome_fields,
        }  # fmt: skip

    @property
    def _aliases(self) -> list[str]:
        return [f"{self.project.name}.vercel.app"] if self.aliased else []

    def list_shape(self) -> Json:
        fields = {key: value for key, value in self._outcome_fields.items() if key != "errorStep"}
        return {
            "uid": self.id, "url": self.host, "name": self.project.name, "readyState": self.state,
            "state": self.state, "projectId": self.project.id, "target": self.target,
            "created": self.created_ms, "createdAt": self.created_ms, "type": "LAMBDAS",
            "creator": {"uid": "user-1"}, "inspectorUrl": None, "meta": self.body.get("meta", {}),
            "aliasAssigned": self.created_ms if self.aliased else None, **fields,
        }  # fmt: skip

    def events(self) -> list[Json]:
        """What it has printed so far, in both forms that Vercel uses."""
        made = []
        for number, (at, kind, text) in enumerate(self.lines):
            if self.age < at:
                break
            created = self.created_ms + int(at * 1000)
            name = f"{self.id}-{number}"
            body = {"deploymentId": self.id, "id": name, "date": created, "serial": name,
                    "info": {"type": "build", "name": "bld_1"}, "text": text}  # fmt: skip
            flat = {"type": kind, "created": created, **body}
            made.append(flat if number % 2 else {"type": kind, "created": created, "payload": body})
        return made


@dataclass
class AliasJob:
    """A promotion or rollback: pending, in progress, and then what it comes to."""

    time: Seconds
    kind: str
    deployment: Deployment
    outcome: str
    previous: str | None
    requested: float = 0.0

    def __post_init__(self) -> None:
        self.requested = self.time.seconds

    @property
    def status(self) -> str:
        age = self.time.seconds - self.requested
        return "pending" if age < 1 else "in-progress" if age < 3 else self.outcome

    def shape(self) -> Json:
        return {
            "type": self.kind, "jobStatus": self.status, "toDeploymentId": self.deployment.id,
            "fromDeploymentId": self.previous,
            "requestedAt": EPOCH_MS + int(self.requested * 1000),
        }  # fmt: skip


@dataclass
class Project:
    owner: str
    name: str
    id: str = field(default_factory=lambda: new_id("prj"))
    auto_assign: bool = True
    sso_protection: Json | None = field(
        default_factory=lambda: {"deploymentType": "prod_deployment_urls_and_all_previews"}
    )
    variables: dict[str, Json] = field(default_factory=dict)
    domains: dict[str, bool] = field(default_factory=dict)
    job: AliasJob | None = None
    queued: AliasJob | None = None
    current: Deployment | None = None
    regions: list[str] = field(default_factory=lambda: ["iad1"])
    #: The repository, as owner and name, whose pushes Vercel deploys.
    linked: str = ""
    paused: bool = False
    #: How it would build what is deployed without settings.
    settings: Json = field(default_factory=dict)

    @property
    def production(self) -> Deployment | None:
        if self.queued is not None and self.queued.time.seconds >= self.queued.requested:
            self.job, self.queued = self.queued, None
        if self.job is not None and self.job.status == "succeeded":
            self.current = self.job.deployment
            self.current.promoted = True
        return self.current

    def variables_for(self, target: str) -> dict[str, str]:
        found = self.variables.values()
        return {each["key"]: each["value"] for each in found if target in each["target"]}

    def shape(self) -> Json:
        production = self.production
        resources = {"functionDefaultRegions": self.regions}
        made = {
            "id": self.id, "name": self.name, "accountId": self.owner, "alias": [],
            "autoAssignCustomDomains": self.auto_assign, "defaultResourceConfig": resources,
            "resourceConfig": resources, "deploymentExpiration": {}, "directoryListing": False,
            "nodeVersion": "22.x", "targets": {}, "ssoProtection": self.sso_protection,
            **self.settings,
        }  # fmt: skip
        if production is not None:
            made["targets"] = {"production": self.target_shape(production)}
        if self.job is not None:
            made["lastAliasRequest"] = self.job.shape()
        if self.paused:
            made["paused"] = True
        if self.linked:
            owner, _, name = self.linked.partition("/")
            made["link"] = {"type": "github", "org": owner, "repo": name, "repoId": 7,
                            "deployHooks": [], "gitCredentialId": "c",
                            "productionBranch": "main"}  # fmt: skip
        return made

    def target_shape(self, deployment: Deployment) -> Json:
        return {
            "id": deployment.id, "name": self.name, "createdAt": deployment.created_ms,
            "alias": [f"{self.name}-engines.vercel.app", f"{self.name}.vercel.app"],
            "createdIn": "iad1", "creator": None, "deploymentHostname": deployment.host,
            "plan": "pro", "private": False, "readyState": "READY", "type": "LAMBDAS",
            "url": deployment.host, "target": "production",
            "readySubstate": "PROMOTED",
        }  # fmt: skip


def domain_shape(project: Project, name: str) -> Json:
    verified = project.domains[name]
    apex = ".".join(name.split(".")[-2:])
    shape: Json = {"name": name, "apexName": apex, "projectId": project.id,
                   "verified": verified}  # fmt: skip
    if not verified:
        shape["verification"] = [
            {"type": "TXT", "domain": f"_vercel.{name}", "value": f"vc-domain-verify={name},1",
             "reason": "pending_domain_verification"}
        ]  # fmt: skip
    return shape


def alias_shape(project: Project, name: str) -> Json:
    return {"uid": f"als_{project.id}", "alias": name, "created": "2026-11-01T12:00:00Z",
            "deploymentId": None, "projectId": project.id}  # fmt: skip


def variable_shape(variable: Json) -> Json:
    """Its value is encrypted in every answer."""
    return {**variable, "value": "eyJ2IjoidjIiLCJjIjoi", "createdAt": EPOCH_MS}


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def team_shape(team_id: str, slug: str, created: int, *, limited: bool) -> Json:
    shape: Json = {"id": team_id, "slug": slug, "name": slug.title(), "avatar": None,
                   "createdAt": created}  # fmt: skip
    if limited:
        return {**shape, "limited": True, "limitedBy": ["scope"]}
    return {**shape, "billing": None, "creatorId": "user-1", "description": None,
            "stagingPrefix": slug, "updatedAt": created}  # fmt: skip


def repository_shape(repo_id: int, owner: str, name: str) -> Json:
    return {
        "id": repo_id, "name": name, "slug": name, "namespace": owner, "provider": "github",
        "owner": {"id": 9, "name": owner}, "ownerType": "user", "private": True,
        "defaultBranch": "main", "updatedAt": EPOCH_MS, "url": f"https://github.com/{owner}/{name}",
    }  # fmt: skip
