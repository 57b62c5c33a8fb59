"""What a provider may do besides: tell where an app is set up otherwise than it was asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from autodeploy.providers.base import App, BuildSpec, Provider, Release


class DriftKind(StrEnum):
    """What is otherwise. ``app``: the app is not there at all. ``release``: another release has the
    traffic, or none. ``variable_extra`` is one that we once set, or that nobody else may.
    ``runtime`` is what an app is built and run by."""

    APP = "app"
    RELEASE = "release"
    VARIABLE_MISSING = "variable_missing"
    VARIABLE_CHANGED = "variable_changed"
    VARIABLE_EXTRA = "variable_extra"
    PLAN = "plan"
    REGION = "region"
    HEALTH_PATH = "health_path"
    RUNTIME = "runtime"


@dataclass(frozen=True)
class Drift:
    """``name`` is that of a variable, whose values are never told; of others ``declared`` and
    ``found`` are what they were asked for and what they are. ``stays`` is what another deployment
    does not change."""

    kind: DriftKind
    name: str | None = None
    declared: str | None = None
    found: str | None = None
    stays: bool = False


@dataclass(frozen=True)
class DeclaredApp:
    """How an app is to be: what its live release was built and is run with. ``plan`` and ``region``
    are None where nobody chose one."""

    app: App
    release: Release
    spec: BuildSpec
    environment: Mapping[str, str] = field(repr=False)
    run_environment: Mapping[str, str] = field(repr=False)
    plan: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class Comparison:
    """``unread`` are the variables whose values the provider does not tell."""

    drifts: tuple[Drift, ...]
    unread: tuple[str, ...] = ()


@runtime_checkable
class ComparedApps(Provider, Protocol):
    """Compares what is set for its apps with what was asked for."""

    async def compare(self, declared: DeclaredApp) -> Comparison:
        """Where they differ. Changes nothing."""
        ...


def compare_variables(
    wanted: Mapping[str, str], found: Mapping[str, str | None], extra: Collection[str]
) -> list[Drift]:
    """The variables that differ, by name. ``found`` maps to None what is not told; ``extra`` are
    those of it that were ours and are not wanted."""
    missing = [(DriftKind.VARIABLE_MISSING, name) for name in wanted.keys() - found.keys()]
    changed = [
        (DriftKind.VARIABLE_CHANGED, name)
        for name in wanted.keys() & found.keys()
        if found[name] not in (None, wanted[name])
    ]
    surplus = [(DriftKind.VARIABLE_EXTRA, name) for name in extra]
    ordered = sorted([*missing, *changed, *surplus], key=lambda each: each[1])
    return [Drift(kind, name) for kind, name in ordered]
