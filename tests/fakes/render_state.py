"""What the emulated Render holds: services whose deploys move on with the time of the test."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]

_numbers = itertools.count(1)
#: What a deploy goes through after it was created, each with its seconds, by how it ends.
_BUILD = [("created", 2.0), ("build_in_progress", 10.0)]
PATHS = {
    "live": [*_BUILD, ("update_in_progress", 5.0)],
    "build_failed": _BUILD,
    "pre_deploy_failed": [*_BUILD, ("pre_deploy_in_progress", 3.0)],
    "update_failed": [*_BUILD, ("update_in_progress", 5.0)],
}
_ONLY_DEPLOYED = [("created", 2.0), ("update_in_progress", 5.0)]
_FAILED = {"build_failed", "pre_deploy_failed", "update_failed", "canceled"}
_ENDED = {"live", "deactivated", *_FAILED}
COMMIT_TOLD_AFTER = 3.0
_OF_IMAGES = {"dockerfilePath", "dockerContext", "dockerCommand"}
_OF_SOURCE = {"buildCommand", "startCommand"}


def new_id(prefix: str) -> str:
    return f"{prefix}-{next(_numbers):020d}"


def wrong_build(type_: str, details: Json) -> str | None:
    """What Render does not take of a service: how an image is built goes with the runtime docker
    alone, commands of a build with all others, and the free plan has none before a deploy."""
    if type_ == "static_site":
        return None
    given = details["envSpecificDetails"].keys()
    wanted = _OF_IMAGES if details["runtime"] == "docker" else _OF_SOURCE
    if not given <= wanted:
        return f"the runtime {details['runtime']} takes no {', '.join(given - wanted)}"
    if details.get("plan") == "free" and details.get("preDeployCommand"):
        return "free services have no command before a deploy"
    return None


@dataclass
class FakeDeploy:
    """``begins`` is later than ``created`` for one that waits behind another. ``asked`` is whether
    a call named the commit; else it is told after a moment. ``built`` is false for one that only
    deploys what another one has built."""

    commit: str
    trigger: str
    created: float
    ends: str = "live"
    asked: bool = True
    target: str | None = None
    built: bool = True
    before: "FakeDeploy | None" = None
    canceled_at: float | None = None
    id: str = field(default_factory=lambda: new_id("dep"))

    @property
    def path(self) -> list[tuple[str, float]]:
        return PATHS[self.ends] if self.built else _ONLY_DEPLOYED

    @property
    def begins(self) -> float:
        """When its turn comes: not before the one that was running."""
        return max(self.created, self.before.over) if self.before else self.created

    @property
    def over(self) -> float:
        if self.canceled_at is not None:
            return self.canceled_at
        return self.begins + sum(seconds for _, seconds in self.path)

    def status(self, now: float) -> str:
        if self.canceled_at is not None:
            return "canceled"
        at = self.begins
        if now < at:
            return "queued"
        for status, seconds in self.path:
            at += seconds
            if now < at:
                return status
        return self.ends

    def ended(self, now: float) -> bool:
        return self.status(now) in _ENDED


@dataclass
class FakeLine:
    at: float
    kind: str
    message: str
    level: str = "info"
    id: str = field(default_factory=lambda: new_id("log"))


@dataclass
class FakeService:
    """``deploys`` are oldest first; ``heads`` are the newest commits of branches. Nothing runs any
    more of what was live before ``stopped_at``."""

    sent: Json
    created: float
    variables: dict[str, str]
    heads: dict[str, str]
    deploys: list[FakeDeploy] = field(default_factory=list)
    lines: list[FakeLine] = field(default_factory=list)
    routes: list[Json] = field(default_factory=list)
    domains: dict[str, Json] = field(default_factory=dict)
    suspended: bool = False
    stopped_at: float = float("-inf")
    instances: int = 1
    scaling: Json = field(default_factory=dict)
    happened: list[tuple[float, str, Json]] = field(default_factory=list)
    id: str = ""

    def __post_init__(self) -> None:
        self.id = self.id or new_id("crn" if self.is_cron else "srv")

    @property
    def is_cron(self) -> bool:
        return bool(self.sent["type"] == "cron_job")

    @property
    def name(self) -> str:
        return str(self.sent["name"])

    def start(self, now: float, commit: str, trigger: str, **values: Any) -> FakeDeploy:
        running = [each for each in self.deploys if not each.ended(now)]
        deploy = FakeDeploy(commit, trigger, now, before=running[-1] if running else None, **values)
        self.deploys.append(deploy)
        if deploy.built:
            self.lines += [
                FakeLine(deploy.begins + 2 + second, "build", f"{deploy.id} line {second}")
                for second in range(9)
            ]
        return deploy

    def status_of(self, deploy: FakeDeploy, now: float) -> str:
        """Only the last one that came to be live is it still, unless it was suspended since."""
        status = deploy.status(now)
        live = [each for each in self.deploys if each.status(now) == "live"]
        is_over = status == "live" and (live[-1] is not deploy or deploy.over <= self.stopped_at)
        return "deactivated" if is_over else status

    def suspend(self, now: float) -> None:
        """It runs nothing, and what is under way is cancelled."""
        self.suspended, self.stopped_at = True, now
        self.happened.append((now, "service_suspended", {}))
        for deploy in self.deploys:
            if not deploy.ended(now):
                deploy.canceled_at = now

    def resume(self, now: float) -> None:
        """What was live last is deployed again."""
        if not self.suspended:
            return
        self.suspended = False
        self.happened.append((now, "service_resumed", {}))
        if was_live := [each for each in self.deploys if each.status(now) == "live"]:
            self.start(now, was_live[-1].commit, "service_resumed", built=False)

    def deploy(self, deploy_id: str) -> FakeDeploy | None:
        return next((each for each in self.deploys if each.id == deploy_id), None)


class Shapes:
    """How the things of one moment are shown."""

    def __init__(self, clock: Callable[[float], datetime], now: float, answers_at: str = ""):
        self.clock = clock
        self.now = now
        self.answers_at = answers_at

    def time(self, seconds: float) -> str:
        return self.clock(seconds).isoformat().replace("+00:00", "Z")

    def service(self, service: FakeService, url: str) -> Json:
        sent, details = service.sent, service.sent["serviceDetails"]
        shown: Json = {
            "id": service.id, "name": service.name, "type": sent["type"], "repo": sent["repo"],
            "branch": sent["branch"], "rootDir": sent.get("rootDir", ""),
            "autoDeploy": sent.get("autoDeploy", "yes"), "ownerId": sent["ownerId"],
            "slug": service.name, "notifyOnFail": "default", "dashboardUrl": f"{url}/web",
            "suspended": "suspended" if service.suspended else "not_suspended",
            "suspenders": ["user"] if service.suspended else [],
            "createdAt": self.time(service.created), "updatedAt": self.time(self.now),
        }  # fmt: skip
        address = f"https://{self.answers_at or f'{service.name}.onrender.com'}"
        if sent["type"] == "static_site":
            shown["serviceDetails"] = {
                "buildCommand": details.get("buildCommand", ""), "buildPlan": "starter",
                "publishPath": details.get("publishPath", "public"), "url": address,
            }  # fmt: skip
            return shown
        commands = {**details["envSpecificDetails"]}
        if details.get("preDeployCommand"):
            commands["preDeployCommand"] = details["preDeployCommand"]
        shown["serviceDetails"] = {
            "env": details["runtime"], "runtime": details["runtime"],
            "envSpecificDetails": commands, "plan": details.get("plan", "starter"),
            "region": details.get("region", "oregon"), "buildPlan": "starter",
        }  # fmt: skip
        if service.is_cron:
            shown["serviceDetails"]["schedule"] = details["schedule"]
            return shown
        shown["serviceDetails"] |= {"numInstances": service.instances, **service.scaling}
        if sent["type"] == "web_service":
            asked = details.get("healthCheckPath", "")
            shown["serviceDetails"] |= {"healthCheckPath": asked, "openPorts": [], "url": address}
        if sent["type"] == "private_service":
            ports = [{"port": 10000, "protocol": "TCP"}]
            shown["serviceDetails"] |= {"openPorts": ports, "url": f"{service.name}-djwo:10000"}
        return shown

    def deploy(self, service: FakeService, deploy: FakeDeploy) -> Json:
        """The commit is null until Render has looked, and so are the times of what is not yet."""
        begun, over = deploy.begins <= self.now, deploy.ended(self.now)
        told = deploy.asked or self.now >= deploy.begins + COMMIT_TOLD_AFTER
        return {
            "id": deploy.id, "status": service.status_of(deploy, self.now),
            "trigger": deploy.trigger, "createdAt": self.time(deploy.created),
            "updatedAt": self.time(self.now),
            "startedAt": self.time(deploy.begins) if begun else None,
            "finishedAt": self.time(deploy.over) if over else None,
            "commit": {"id": deploy.commit, "message": "m", "createdAt": self.time(0)}
            if begun and told else None,
        }  # fmt: skip

    def events(self, service: FakeService, reason: Json, since: float) -> list[Json]:
        """Newest first."""
        shown = list(service.happened)
        for deploy in service.deploys:
            trigger = {
                "firstBuild": False, "envUpdated": False, "manual": False, "clearCache": False,
                "deployedByRender": False, "rollback": deploy.target is not None,
                **({"rollbackTargetDeployId": deploy.target} if deploy.target else {}),
            }  # fmt: skip
            started = {"deployId": deploy.id, "trigger": trigger}
            shown.append((deploy.begins, "deploy_started", started))
            ending = deploy.status(self.now)
            if ending == "live":
                ended = {"deployId": deploy.id, "deployStatus": "succeeded", "reason": {}}
                shown.append((deploy.over, "deploy_ended", {**ended, "status": 1}))
            if ending in _FAILED and ending != "canceled":
                kind = _ENDINGS[ending][0]
                details = {
                    **_ENDINGS[ending][1](deploy),
                    "reason": {"failure": reason},
                    "status": 2,
                }
                shown.append((deploy.over, kind, details))
        came = sorted((each for each in shown if since <= each[0] <= self.now), key=lambda e: -e[0])
        return [self._event(service, kind, at, details) for at, kind, details in came]

    def _event(self, service: FakeService, kind: str, at: float, details: Json) -> Json:
        return {
            "id": new_id("evt"), "serviceId": service.id, "type": kind,
            "timestamp": self.time(at), "details": details,
        }  # fmt: skip

    def line(self, service: FakeService, line: FakeLine) -> Json:
        labels = {"resource": service.id, "type": line.kind, "level": line.level}
        return {
            "id": line.id, "message": line.message, "timestamp": self.time(line.at),
            "labels": [{"name": name, "value": value} for name, value in labels.items()],
        }  # fmt: skip

    def domain(self, domain: Json) -> Json:
        """``verified`` is whether Render has looked at its records and found them right."""
        name, redirects = domain["name"], domain["redirects"]
        apex = name.count(".") == 1
        return {
            "id": domain["id"], "name": name, "domainType": "apex" if apex else "subdomain",
            "publicSuffix": name.rpartition(".")[2], "redirectForName": redirects,
            "verificationStatus": "verified" if domain["verified"] else "unverified",
            "createdAt": self.time(0),
        }  # fmt: skip


_ENDINGS: dict[str, tuple[str, Callable[[FakeDeploy], Json]]] = {
    "build_failed": ("build_ended", lambda _: {"buildId": "bld-1", "buildStatus": "failed"}),
    "pre_deploy_failed": (
        "pre_deploy_ended",
        lambda deploy: {
            "deployCommandExecutionId": "x", "deployId": deploy.id, "preDeployStatus": "failed",
        },
    ),
    "update_failed": (
        "deploy_ended", lambda deploy: {"deployId": deploy.id, "deployStatus": "failed"},
    ),
}  # fmt: skip
