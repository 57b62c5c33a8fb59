"""The providers of this installation, by name."""

from collections.abc import Iterable
from typing import Protocol, cast, runtime_checkable

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.base import CountedApps, DeployProvider, Provider
from autodeploy.providers.commands import CommandProvider
from autodeploy.providers.databases import (
    BackedUpDatabases,
    DatabaseProvider,
    MeasuredDatabases,
    PausedDatabases,
    RotatedDatabases,
)
from autodeploy.providers.domains import DomainProvider
from autodeploy.providers.drift import ComparedApps, ComparedDatabases
from autodeploy.providers.hosted import (
    AccountMissing,
    AppHosting,
    ConnectedAccount,
    DatabaseHosting,
    HostedDatabases,
    HostedDeploys,
    Pace,
    ResourceHosting,
    TokenCheck,
    TokenConnect,
)
from autodeploy.providers.identity import IdentityProvider, RenewingProvider
from autodeploy.providers.manifests import Capability, Manifest
from autodeploy.providers.metrics import MeasuredApps
from autodeploy.providers.resources import ListedResources
from autodeploy.providers.scaling import ScaledApps
from autodeploy.providers.sources import SourceHosting
from autodeploy.providers.usage import MeteredApps, MeteredDatabases


@runtime_checkable
class _Closable(Protocol):
    async def close(self) -> None: ...


class Registry:
    """Finds providers and refuses what one cannot do, before any work starts."""

    def __init__(self, providers: Iterable[Provider], identities: Iterable[IdentityProvider] = ()):
        """
        Args:
            identities: where accounts are connected by consent; the caller closes them.
        """
        self._providers = {provider.manifest.name: provider for provider in providers}
        self._identities = {identity.name: identity for identity in identities}
        # Found once: to look whether something has all that a protocol names takes some 20 µs, and
        # workers ask for each live app each second.
        named = self._providers.items()
        self._app_hosts = {name: each for name, each in named if isinstance(each, AppHosting)}
        self._hosted = {
            name for name, each in named if isinstance(each, AppHosting | DatabaseHosting)
        }

    def list(self) -> list[Manifest]:
        """All manifests, by name."""
        return [self._providers[name].manifest for name in sorted(self._providers)]

    def title(self, name: str) -> str:
        """What a provider is called; its name where there is no such one any more."""
        provider = self._providers.get(name)
        return name if provider is None else provider.manifest.title

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

    def is_hosted(self, name: str) -> bool:
        """Whether the provider ``name`` is there and acts for connected accounts."""
        return name in self._hosted

    def takes_tokens(self, name: str) -> TokenConnect:
        """The provider ``name`` for tokens that people have made there."""
        return cast(TokenConnect, self.get(name, Capability.CONNECT))

    def find_token_check(self, name: str) -> TokenCheck | None:
        """Who tells whether a token of the provider ``name`` works; None where nobody does."""
        if self.can(name, Capability.CONNECT):
            return self.takes_tokens(name)
        identity = self._identities.get(name)
        return identity if isinstance(identity, TokenCheck) else None

    def find_renewal(self, name: str) -> RenewingProvider | None:
        """Who renews access to accounts at ``name``; None where nobody does."""
        identity = self._identities.get(name)
        return identity if isinstance(identity, RenewingProvider) else None

    def deploys(self, name: str, account: ConnectedAccount | None = None) -> DeployProvider:
        """The provider ``name`` for deployments. One that hosts apps elsewhere acts for
        ``account``: raises ``AccountMissing`` without one."""
        return cast(DeployProvider, self._apps(name, Capability.DEPLOY, account))

    def domains(self, name: str, account: ConnectedAccount | None = None) -> DomainProvider:
        """The provider ``name`` for the domains of its apps; ``account`` as for ``deploys``."""
        return cast(DomainProvider, self._apps(name, Capability.DOMAINS, account))

    def compared_apps(self, name: str, account: ConnectedAccount | None = None) -> ComparedApps:
        """The provider ``name`` for how its apps are set up; ``account`` as for ``deploys``."""
        return cast(ComparedApps, self._apps(name, Capability.DRIFT, account))

    def app_metrics(self, name: str, account: ConnectedAccount | None = None) -> MeasuredApps:
        """The provider ``name`` for how its apps fare; ``account`` as for ``deploys``."""
        return cast(MeasuredApps, self._apps(name, Capability.METRICS, account))

    def metered_apps(self, name: str, account: ConnectedAccount | None = None) -> MeteredApps:
        """The provider ``name`` for what its apps are charged for; ``account`` as for
        ``deploys``."""
        return cast(MeteredApps, self._apps(name, Capability.USAGE, account))

    def _apps(
        self, name: str, capability: Capability, account: ConnectedAccount | None
    ) -> Provider:
        provider = self.get(name, capability)
        host = self._app_hosts.get(name)
        return provider if host is None else host.deploys_as(_require(account, provider))

    def hosted_deploys(self, name: str, account: ConnectedAccount | None) -> HostedDeploys:
        """The provider ``name``, which hosts apps elsewhere, for ``account``. Raises
        ``AccountMissing``."""
        return cast(HostedDeploys, self._apps(name, Capability.DEPLOY, account))

    def pace(self, name: str) -> Pace:
        """How apps at the provider ``name``, which hosts them elsewhere, may be looked after."""
        return cast(AppHosting, self.get(name, Capability.DEPLOY)).pace

    def sources(self, name: str) -> SourceHosting:
        """The provider ``name`` for the sources of repositories."""
        return cast(SourceHosting, self.get(name, Capability.SOURCE))

    def counted_apps(self, name: str) -> CountedApps:
        """The provider ``name`` for what its apps answer."""
        return cast(CountedApps, self.get(name, Capability.TRAFFIC))

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

    def databases(self, name: str, account: ConnectedAccount | None = None) -> DatabaseProvider:
        """The provider ``name`` for databases. One that hosts them elsewhere acts for
        ``account``: raises ``AccountMissing`` without one."""
        return cast(DatabaseProvider, self._databases(name, Capability.DATABASE, account))

    def hosted_databases(self, name: str, account: ConnectedAccount | None) -> HostedDatabases:
        """The provider ``name``, which hosts databases elsewhere, for ``account``. Raises
        ``AccountMissing``."""
        return cast(HostedDatabases, self._databases(name, Capability.DATABASE, account))

    def database_metrics(
        self, name: str, account: ConnectedAccount | None = None
    ) -> MeasuredDatabases:
        """The provider ``name`` for how its databases fare; ``account`` as for ``databases``."""
        return cast(MeasuredDatabases, self._databases(name, Capability.DATABASE_METRICS, account))

    def database_pauses(
        self, name: str, account: ConnectedAccount | None = None
    ) -> PausedDatabases:
        """The provider ``name`` for pauses of its databases; ``account`` as for ``databases``."""
        return cast(PausedDatabases, self._databases(name, Capability.DATABASE_PAUSES, account))

    def metered_databases(
        self, name: str, account: ConnectedAccount | None = None
    ) -> MeteredDatabases:
        """The provider ``name`` for what its databases are charged for; ``account`` as for
        ``databases``."""
        return cast(MeteredDatabases, self._databases(name, Capability.DATABASE_USAGE, account))

    def compared_databases(
        self, name: str, account: ConnectedAccount | None = None
    ) -> ComparedDatabases:
        """The provider ``name`` for how its databases are set up; ``account`` as for
        ``databases``."""
        return cast(ComparedDatabases, self._databases(name, Capability.DATABASE_DRIFT, account))

    def _databases(
        self, name: str, capability: Capability, account: ConnectedAccount | None
    ) -> Provider:
        provider = self.get(name, capability)
        if isinstance(provider, DatabaseHosting):
            return provider.databases_as(_require(account, provider))
        return provider

    def database_backups(self, name: str) -> BackedUpDatabases:
        """The provider ``name`` for dumps of its databases."""
        return cast(BackedUpDatabases, self.get(name, Capability.DATABASE_BACKUPS))

    def database_logins(self, name: str) -> RotatedDatabases:
        """The provider ``name`` for the logins of its databases."""
        return cast(RotatedDatabases, self.get(name, Capability.DATABASE_ROTATION))

    def resources(self, name: str, account: ConnectedAccount | None = None) -> ListedResources:
        """The provider ``name`` for what it holds; one elsewhere, for ``account``. Raises
        ``AccountMissing``."""
        provider = self.get(name, Capability.RESOURCES)
        if isinstance(provider, ResourceHosting):
            return provider.resources_as(_require(account, provider))
        return cast(ListedResources, provider)

    async def close(self) -> None:
        """Close the connections that providers keep open."""
        for provider in self._providers.values():
            if isinstance(provider, _Closable):
                await provider.close()


def _require(account: ConnectedAccount | None, provider: Provider) -> ConnectedAccount:
    if account is None:
        raise AccountMissing(
            f"No account at {provider.manifest.title} is connected.",
            remedy=f"Connect one: `autodeploy connections add {provider.manifest.name}`.",
        )
    return account
