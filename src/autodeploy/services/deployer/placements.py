"""Of which plan an app or a database is at its provider, and in which region: what is there to be
chosen, and what was.

What was chosen for an app is kept for its environment once it is live there, as its provider is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.base import BuildSpec
from autodeploy.providers.manifests import PRICE_KINDS, Capability, DatabaseEngine, Manifest
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.plan import NothingToRun, PrivateRefused
from autodeploy.services.deployer.models import Environment

PLAN, REGION = "plan", "region"


@dataclass(frozen=True)
class Placement:
    """What was chosen of an app at its provider; None is what nobody chose."""

    plan: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Self:
        """That of a deployment, whose configuration holds what ``as_configuration`` gave."""
        return cls(configuration.get(PLAN), configuration.get(REGION))

    @classmethod
    def kept(cls, environment: Environment, provider: str) -> Self:
        """That of an environment, as far as it is at the provider."""
        if environment.provider != provider:
            return cls()
        return cls(environment.plan, environment.region)

    def otherwise(self, before: "Placement") -> "Placement":
        """What was not chosen now is as before."""
        return Placement(self.plan or before.plan, self.region or before.region)

    def as_configuration(self) -> dict[str, str]:
        return {
            key: value
            for key, value in ((PLAN, self.plan), (REGION, self.region))
            if value is not None
        }


def require_app_choice(
    providers: Registry,
    provider: str,
    *,
    plan: str | None,
    region: str | None,
    within: str = "configuration.",
) -> None:
    """Raise ``InvalidInput`` for a plan or region that apps do not have at the provider; ``within``
    as for databases."""
    manifest = providers.get(provider, Capability.DEPLOY).manifest
    plans = [price.plan for price in manifest.pricing if price.kind == "app"]
    _require(manifest, "plan", plan, plans, "for apps", f"{within}plan")
    _require_region(providers, manifest, region, "for apps", f"{within}region")


def require_private_apps(providers: Registry, provider: str, spec: BuildSpec) -> None:
    """Raise ``PrivateRefused`` for an app that is to be private where everybody reaches all."""
    manifest = providers.get(provider, Capability.DEPLOY).manifest
    if spec.private and not manifest.private_apps:
        able = [each.name for each in providers.list() if each.private_apps]
        raise PrivateRefused(
            f"{manifest.title} has no private apps: everybody reaches what it serves.",
            field="private",
            remedy=f"Deploy it to a provider that has (--provider): {', '.join(able) or 'none'}, "
            "or say `private = false` in autodeploy.toml.",
        )


def require_start(providers: Registry, provider: str, spec: BuildSpec) -> None:
    """Raise ``NothingToRun`` for an app that only its image starts, where none is built."""
    manifest = providers.get(provider, Capability.DEPLOY).manifest
    if spec.kind == "static" or spec.start_command is not None or manifest.image_builds:
        return
    able = [each.name for each in providers.list() if each.image_builds]
    raise NothingToRun(
        f"{manifest.title} builds no images, and nothing but the Dockerfile says how the app is "
        "started.",
        remedy=f"Deploy it to a provider that does (--provider): {', '.join(able) or 'none'}; or "
        "say how it is started: `start` in autodeploy.toml.",
    )


def require_database_choice(
    providers: Registry,
    provider: str,
    engine: DatabaseEngine,
    *,
    plan: str,
    region: str | None,
    within: str = "",
) -> None:
    """Raise ``InvalidInput`` for an engine that the provider lacks, or a plan or region that its
    databases do not have.

    Args:
        within: what stands before the names of the fields, such as ``configuration.database.``.
    """
    manifest = providers.get(provider, Capability.DATABASE).manifest
    _require_engine(providers, manifest, engine, f"{within}engine")
    plans = [price.plan for price in manifest.pricing if price.kind == PRICE_KINDS[engine]]
    if plans:
        _require(manifest, "plan", plan, plans, f"for {engine} databases", f"{within}plan")
    _require_region(providers, manifest, region, "for databases", f"{within}region")


def _require_engine(
    providers: Registry, manifest: Manifest, engine: DatabaseEngine, field: str
) -> None:
    if engine not in manifest.engines:
        able = [each.name for each in providers.list() if engine in each.engines]
        raise InvalidInput(
            f"{manifest.title} has no {engine} databases.",
            field=field,
            remedy=f"Providers that have: {', '.join(able) or 'none'}.",
        )


def _require_region(
    providers: Registry, manifest: Manifest, region: str | None, of_what: str, field: str
) -> None:
    """What is on this machine is there and nowhere else."""
    regions = [each.id for each in manifest.regions if providers.is_hosted(manifest.name)]
    _require(manifest, "region", region, regions, of_what, field)


def _require(
    manifest: Manifest, what: str, chosen: str | None, there: list[str], of_what: str, field: str
) -> None:
    if chosen is None or chosen in there:
        return
    if not there:
        raise InvalidInput(
            f"{manifest.title} has no {what}s to choose from {of_what}.",
            field=field,
            remedy=f"Leave the {what} out, or name another provider.",
        )
    raise InvalidInput(
        f"{manifest.title} has no {what} {chosen!r} {of_what}.",
        field=field,
        remedy=f"Choose one of: {', '.join(there)}.",
    )
