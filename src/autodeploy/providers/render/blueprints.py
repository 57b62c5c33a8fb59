"""What a service at Render is to be, drawn from a build's request; nothing is called here.

What Render cannot do is refused here, before anything is made.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.addresses import site
from autodeploy.providers.base import BuildRequest, BuildSpec, CommitSource
from autodeploy.providers.drift import DeclaredApp
from autodeploy.providers.render.builds import app_details, build_command, image_of, root_of
from autodeploy.providers.render.catalogue import FREE, LEAST_PAID
from autodeploy.providers.render.naming import service_name
from autodeploy.providers.render.settings import (
    NO_AUTO_DEPLOY,
    Settings,
    differing,
    settings_in,
    settings_of,
)
from autodeploy.providers.render.shapes import Details, Service, ServiceType

_TYPES = {"server": ServiceType.WEB, "static": ServiceType.STATIC, "worker": ServiceType.WORKER}
_PAID = {ServiceType.PRIVATE, ServiceType.WORKER, ServiceType.CRON}
_PLURAL = {ServiceType.PRIVATE: "private services", ServiceType.WORKER: "workers"}
# Where a private app listens that has chosen no port itself. The one that Render takes for granted,
# 10000, is among those that private traffic cannot use (render.com/docs/private-network, a copy of
# 2026).
_PORT, _PRIVATE_PORT = "PORT", "8080"
_SPA = {"type": "rewrite", "source": "/*", "destination": "/index.html"}
# Python's has to name a whole version, as far as is known; Node's may be a range.
_WHOLE_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Blueprint:
    """``details`` are what can be changed later, ``fixed`` what only a creation can set. ``plan``
    and ``region`` are what was chosen: what was not is left as it is found."""

    name: str
    type: ServiceType
    repo: str
    branch: str
    commit_sha: str
    root_directory: str
    details: Mapping[str, object]
    fixed: Mapping[str, object]
    variables: Mapping[str, str] = field(repr=False)
    routes: tuple[Mapping[str, object], ...] = ()
    plan: str | None = None
    region: str | None = None

    def creation(self, owner_id: str) -> Mapping[str, object]:
        """The body that makes it."""
        variables = [{"key": key, "value": value} for key, value in self.variables.items()]
        return {
            "type": self.type.value,
            "name": self.name,
            "ownerId": owner_id,
            "envVars": variables,
            **self._place,
            "serviceDetails": {**self.details, **self.fixed},
        }

    def change(self, found: Service) -> Mapping[str, object] | None:
        """The body that makes ``found`` be as drawn; None when it is.

        Raises ``DeploymentFailed`` when it is of another type or in another region, which Render
        cannot change.
        """
        if found.type is not self.type:
            raise DeploymentFailed(
                f"The app is a {found.type.replace('_', ' ')} at Render and is now to be a "
                f"{self.type.replace('_', ' ')}, which Render cannot change.",
                remedy=_remedy_of_another_type(found.type, self.type),
            )
        details = found.details or Details()
        self._require_region(details)
        same = (
            not differing(self.settings, settings_of(found))
            and self.plan in (None, details.plan)
            and self.details.get("healthCheckPath") in (None, details.health_path)
        )
        return None if same else {**self._place, "serviceDetails": self._details_after(details)}

    def _details_after(self, found: Details) -> Mapping[str, object]:
        # The drawing of a free service names no command before a deploy, which a paid one may have.
        had_command = found.commands is not None and found.commands.pre_deploy
        cleared = {"preDeployCommand": ""} if had_command else {}
        return {**cleared, **self.details, **({"plan": self.plan} if self.plan else {})}

    def _require_region(self, found: Details) -> None:
        if None not in (self.region, found.region) and self.region != found.region:
            raise DeploymentFailed(
                f"The app runs in {found.region} at Render, which cannot move it to {self.region}.",
                field="configuration.region",
                remedy=f"Deploy it to a new environment, or with the region {found.region}.",
            )

    @property
    def _place(self) -> Mapping[str, object]:
        """Where the source is. Every deploy is started by us, none by a push."""
        return {
            "repo": self.repo,
            "branch": self.branch,
            "rootDir": self.root_directory,
            "autoDeploy": NO_AUTO_DEPLOY,
        }

    @property
    def settings(self) -> Settings:
        """What a deployment sets of it, as ``settings_of`` tells it of a service that is there."""
        commands = cast(Mapping[str, object], self.details.get("envSpecificDetails", {}))
        return settings_in(self.type, {**self._place, **self.details, **commands})


def _remedy_of_another_type(found: ServiceType, wanted: ServiceType) -> str:
    as_before = ""
    if (found, wanted) == (ServiceType.WEB, ServiceType.PRIVATE):
        as_before = ", or leave it public with `private = false` in autodeploy.toml"
    return f"Deploy it to a new environment, or delete this one first{as_before}."


def draw(request: BuildRequest | DeclaredApp, *, plan: str, region: str) -> Blueprint:
    """The service for a build, or of an app; ``plan`` and ``region`` are those of a new one where
    none was chosen. Raises ``DeploymentFailed`` for what Render cannot host."""
    spec = request.spec
    commit = _fetchable(request.commit)
    type_ = ServiceType.PRIVATE if spec.private else _TYPES[spec.kind]
    is_site = type_ is ServiceType.STATIC
    _refuse_free(type_, request.plan)
    plan, region = request.plan or plan, request.region or region
    made = _site(spec) if is_site else _processes(spec, type_, plan, region)
    return Blueprint(
        name=service_name(request.app),
        type=type_,
        repo=commit.url,
        branch=commit.branch,
        commit_sha=commit.commit_sha,
        root_directory=root_of(spec),
        details=made.details,
        fixed=made.fixed,
        variables=variables_of(spec, {**request.environment, **request.run_environment}),
        routes=(_SPA,) if is_site and spec.spa_fallback else (),
        plan=None if is_site else request.plan,
        region=None if is_site else request.region,
    )


class _Made(NamedTuple):
    details: Mapping[str, object]
    fixed: Mapping[str, object]


def _site(spec: BuildSpec) -> _Made:
    details = {"buildCommand": build_command(spec), "publishPath": spec.output_directory or "."}
    return _Made(details, {"routes": [_SPA]} if spec.spa_fallback else {})


def _processes(spec: BuildSpec, type_: ServiceType, plan: str, region: str) -> _Made:
    plan = plan_of(type_, plan)
    details = dict(app_details(spec, plan))
    if type_ is ServiceType.WEB and spec.health_path:
        details["healthCheckPath"] = spec.health_path
    return _Made(details, {"plan": plan, "region": region})


def _refuse_free(type_: ServiceType, chosen: str | None) -> None:
    if type_ in _PAID and chosen == FREE:
        raise DeploymentFailed(
            f"Render runs no {_PLURAL[type_]} on the plan {FREE}.",
            field="configuration.plan",
            remedy=f"Choose a paid one; the least is {LEAST_PAID}.",
        )


def plan_of(type_: ServiceType, plan: str) -> str:
    """The plan of a service where ``plan`` is that of web services."""
    return LEAST_PAID if type_ in _PAID and plan == FREE else plan


def _fetchable(commit: CommitSource | None) -> CommitSource:
    """The commit with an address that Render can fetch from, which holds no credential."""
    if commit is None:
        raise DeploymentFailed(
            "Render fetches the source itself, and an upload is in no repository.",
            remedy="Push it to a repository and deploy from there, or choose another provider.",
        )
    url = f"{commit.github_web}/{commit.github}" if commit.github else commit.url
    parts = urlsplit(url)
    # The operator may have set GitHub to be reached without TLS.
    schemes = ("http", "https") if commit.github else ("https",)
    if parts.scheme not in schemes or not parts.hostname or "@" in parts.netloc:
        raise DeploymentFailed(
            "Render fetches the source itself, over https and without a password.",
            remedy="Connect the repository by its https address; a private one is linked in "
            "Render's dashboard.",
        )
    return replace(commit, url=url)


def variables_of(spec: BuildSpec, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of a service. The user's own choice of the port and of the runtime's version
    goes first.

    An image that exposes a port is told that one, by which Render sends it its requests: an app
    that heeds no ``PORT`` listens there anyway.
    """
    image = image_of(spec)
    if image is None:
        port = {_PORT: _PRIVATE_PORT} if spec.private else {}
        return {**port, **_version(spec), **environment}
    exposed = str(image.port) if image.port else _PRIVATE_PORT if spec.private else None
    return {**({_PORT: exposed} if exposed and spec.kind == "server" else {}), **environment}


def address_of(service: Service, spec: BuildSpec, environment: Mapping[str, str]) -> str:
    """Where an app is reached; empty for a worker, which is not.

    Of a private service Render tells its name in the private network with the port that it takes
    for granted, ``shop-abcd:10000`` (recorded answers in render-oss/terraform-provider-render, read
    2026-11-27), also where the app listens on another one.
    """
    details = service.details or Details()
    if not spec.private:
        return details.site or ""
    name = (details.url or "").rpartition("://")[2].partition(":")[0]
    return site(f"http://{name}:{variables_of(spec, environment)[_PORT]}") or ""


def _version(spec: BuildSpec) -> Mapping[str, str]:
    version = spec.runtime_version
    if version and spec.language == "node":
        return {"NODE_VERSION": version}
    if version and spec.language == "python" and _WHOLE_VERSION.fullmatch(version):
        return {"PYTHON_VERSION": version}
    return {}
