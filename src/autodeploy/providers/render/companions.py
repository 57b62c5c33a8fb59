"""What the services beside an app are to be, one for each of its workers and crons; nothing is
called here.

They share with the app what its own service has: the source, the build, the variables, the region.
None of them has a release command, which is run once, for the app.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from autodeploy.providers.base import App, BuildRequest, BuildSpec
from autodeploy.providers.drift import DeclaredApp
from autodeploy.providers.render.blueprints import Blueprint, plan_of
from autodeploy.providers.render.builds import process_details, root_of
from autodeploy.providers.render.naming import cron_name, worker_name
from autodeploy.providers.render.shapes import Details, Service, ServiceType


@dataclass(frozen=True)
class Shared:
    """What the services of an app have alike. ``plan`` is that of the app, which they get where
    they can; ``region`` is that of those yet to be made."""

    repo: str
    branch: str
    commit_sha: str
    variables: Mapping[str, str] = field(repr=False)
    plan: str
    region: str

    @classmethod
    def of_build(
        cls,
        request: BuildRequest | DeclaredApp,
        drawn: Blueprint,
        found: Service | None,
        *,
        plan: str,
        region: str,
    ) -> Self:
        """Of an app that is to be as ``drawn`` and was found so far; ``plan`` and ``region`` are
        those of what none was chosen for."""
        details = (found.details if found else None) or Details()
        return cls(
            repo=drawn.repo,
            branch=drawn.branch,
            commit_sha=drawn.commit_sha,
            variables=drawn.variables,
            plan=request.plan or details.plan or plan,
            region=details.region or request.region or region,
        )

    @classmethod
    def of_service(
        cls,
        service: Service,
        variables: Mapping[str, str],
        commit_sha: str,
        *,
        plan: str,
        region: str,
    ) -> Self:
        """Of an app that runs a commit; ``plan`` and ``region`` are those of a site, which has
        none."""
        details = service.details or Details()
        return cls(
            repo=service.repo or "",
            branch=service.branch or "",
            commit_sha=commit_sha,
            variables=variables,
            plan=details.plan or plan,
            region=details.region or region,
        )


@dataclass(frozen=True)
class Companion:
    """``title`` is what people know it by, such as ``worker mail``."""

    title: str
    blueprint: Blueprint

    @property
    def name(self) -> str:
        return self.blueprint.name

    @property
    def is_cron(self) -> bool:
        return self.blueprint.type is ServiceType.CRON


def draw_companions(app: App, spec: BuildSpec, shared: Shared) -> list[Companion]:
    """Raises ``DeploymentFailed`` for a language that Render does not run."""
    workers = (
        _draw(f"worker {name}", worker_name(app, name), ServiceType.WORKER, spec, shared, command)
        for name, command in spec.workers.items()
    )
    crons = (
        _draw(
            f"cron {name}", cron_name(app, name), ServiceType.CRON, spec, shared, cron.command,
            schedule=cron.schedule,
        )
        for name, cron in spec.crons.items()
    )  # fmt: skip
    return [*workers, *crons]


def names_of_companions(app: App, spec: BuildSpec) -> list[str]:
    """The names of their services, in the order in which they are drawn."""
    return [
        *(worker_name(app, name) for name in spec.workers),
        *(cron_name(app, name) for name in spec.crons),
    ]


def _draw(
    title: str,
    name: str,
    type_: ServiceType,
    spec: BuildSpec,
    shared: Shared,
    command: str,
    **details: str,
) -> Companion:
    drawn = Blueprint(
        name=name,
        type=type_,
        repo=shared.repo,
        branch=shared.branch,
        commit_sha=shared.commit_sha,
        root_directory=root_of(spec),
        details={**process_details(spec, command), **details},
        fixed={"plan": plan_of(type_, shared.plan), "region": shared.region},
        variables=shared.variables,
    )
    return Companion(title, drawn)
