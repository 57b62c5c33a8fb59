"""The providers of this installation, by name."""

from collections.abc import Iterable
from typing import Protocol, cast, runtime_checkable

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.base import Capability, DeployProvider, Manifest, MeasuredApps, Provider
from autodeploy.providers.commands import CommandProvider
from autodeploy.providers.databases import (
    BackedUpDatabases,
    DatabaseProvider,
    MeasuredDatabases,
    RotatedDatabases,
)
from autodeploy.providers.resources import ListedResources
from autodeploy.providers.scaling import ScaledApps


@runtime_checkable
class _Connected(Protocol):
    async def close(self) -> None: ...


class Registry:
    """Finds providers and refuses what one cannot do, before any work starts."""

    def __init__(self, providers: Iterable[Provider]):
        self._providers = {provider.manifest.name: provider for provider in providers}

    async def close(self) -> None:
        """Close the connections of those that keep some."""
        for provider in self._providers.values():
            if isinstance(provider, _Connected):
                await provider.close()

    def list(self) -> list[Manifest]:
        """All manifests, by name."""
        return [self._providers[name].manifest for name in sorted(self._providers)]

    def get(self, name: str, capability: Capability | None = None) -> Provider:
        """The provider ``name``. Raises ``InvalidInput`` when unknown or not capable."""
        provider = self._providers.get(name)
        if provider is None:
            raise InvalidInput(
                f"There is no provider {name!r}.",
                field="provider",
                remedy=f"Choose one of: {', '.join(sorted(self._providers))}.",
            )
        if capability is not None and capability not in provider.manifest.capabilities:
            able = [
                other
                for other in sorted(self._providers)
                if capability in self._providers[other].manifest.capabilities
            ]
            raise InvalidInput(
                f"{provider.manifest.title} cannot do {capability.value.replace('_', ' ')}.",
                field="provider",
                remedy=f"Providers that can: {', '.join(able) or 'none'}.",
            )
        return provider

    def deploys(self, name: str) -> DeployProvider:
        """The provider ``name`` for deployments."""
        return cast(DeployProvider, self.get(name, Capability.DEPLOY))

    def app_metrics(self, name: str) -> MeasuredApps:
        """The provider ``name`` for what its apps answer."""
        return cast(MeasuredApps, self.get(name, Capability.METRICS))

    def scaled_apps(self, name: str) -> ScaledApps:
        """The provider ``name`` for the number of an app's processes."""
        return cast(ScaledApps, self.get(name, Capability.SCALE))

    def can(self, name: str, capability: Capability) -> bool:
        """Whether the provider ``name`` is there and has the capability."""
        provider = self._providers.get(name)
        return provider is not None and capability in provider.manifest.capabilities

    def commands(self, name: str) -> CommandProvider:
        """The provider ``name`` for one-off commands."""
        return cast(CommandProvider, self.get(name, Capability.RUN))

    def databases(self, name: str) -> DatabaseProvider:
        """The provider ``name`` for databases."""
        return cast(DatabaseProvider, self.get(name, Capability.DATABASE))

    def database_metrics(self, name: str) -> MeasuredDatabases:
        """The provider ``name`` for how its databases fare."""
        return cast(MeasuredDatabases, self.get(name, Capability.DATABASE_METRICS))

    def database_backups(self, name: str) -> BackedUpDatabases:
        """The provider ``name`` for dumps of its databases."""
        return cast(BackedUpDatabases, self.get(name, Capability.DATABASE_BACKUPS))

    def database_logins(self, name: str) -> RotatedDatabases:
        """The provider ``name`` for the logins of its databases."""
        return cast(RotatedDatabases, self.get(name, Capability.DATABASE_ROTATION))

    def resources(self, name: str) -> ListedResources:
        """The provider ``name`` for what it holds."""
        return cast(ListedResources, self.get(name, Capability.RESOURCES))
