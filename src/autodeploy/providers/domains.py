"""What a provider may do besides: serve an app at names that people have of their own."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from autodeploy.kernel.errors import Conflict
from autodeploy.providers.base import App, Provider


class DomainRefused(Conflict):
    """The provider does not serve the app at this name, and will not by itself."""

    code = "domain_refused"
    usual_remedy = "Remove the domain where it is used now, then verify it again."


@dataclass(frozen=True)
class DnsRecord:
    """A record that the owner of a name is to set: ``name`` in full, ``type`` such as CNAME."""

    type: str
    name: str
    value: str


@dataclass(frozen=True)
class DomainStatus:
    """``verified`` when the provider serves the app at the name; else ``records`` are what makes it
    do so."""

    verified: bool
    records: tuple[DnsRecord, ...] = ()


@runtime_checkable
class DomainProvider(Provider, Protocol):
    """Serves apps at names of their owners. ``DeployProvider.destroy`` removes an app with its
    names."""

    async def ensure_domain(self, app: App, name: str) -> DomainStatus:
        """Have the app served at the name, as soon as its records are right, and look at these
        again. Idempotent.

        Args:
            name: a host name in lower case, its labels encoded for the DNS.

        Raises:
            NotFound: the app is to be deployed there first.
            DomainRefused: also where another app has the name.
        """
        ...

    async def remove_domain(self, app: App, name: str) -> None:
        """Serve the app there no more. Idempotent, also where the app is gone."""
        ...
