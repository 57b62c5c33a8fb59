"""Domains of a service at Render: added once, pointed there, and removed.

Render proves a domain by where it leads: a CNAME to the service's own address, or for an apex an A
record to the one address of all (as public set-ups of 2026 have it; Render's own page was not
read). It makes example.com and www.example.com in a pair, of which one redirects to the other.
"""

from collections.abc import Sequence, Set
from http import HTTPStatus
from urllib.parse import urlsplit

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.providers.domains import DnsRecord, DomainRefused, DomainStatus
from autodeploy.providers.drift import Drift, lapsed_domain, missing_domain
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.patience import find
from autodeploy.providers.render.shapes import (
    CustomDomain,
    DomainVerification,
    Service,
    ServiceType,
)

_APEX_ADDRESS = "216.24.57.1"
_SERVING = {ServiceType.WEB, ServiceType.STATIC}
# A call each: a large workspace is not asked through for the sake of a name.
_MOST_ASKED = 30


class ServiceDomains:
    """Raises what the calls of ``RenderApi`` raise."""

    def __init__(self, api: RenderApi, service: Service):
        self._api = api
        self._service = service

    async def serve(self, name: str) -> DomainStatus:
        """Have the domain, let Render look at its records again, and say which are missing.

        Raises ``DomainRefused``.
        """
        domain = await self._find(name) or await self._add(name)
        if not domain.verified:
            await self._verify(name)
            domain = await self._find(name) or domain
        records = () if domain.verified else (self._leading(domain),)
        return DomainStatus(domain.verified, records)

    @fault_point("render.remove_domain")
    async def remove(self, name: str) -> None:
        """With the other of its pair, which Render made. Idempotent."""
        for domain in await self._api.domains(self._service.id):
            if name in (domain.name, domain.redirects_to):
                await self._api.delete_domain(self._service.id, domain.name)

    async def compare(self, names: Sequence[str]) -> list[Drift]:
        """Where the domains are otherwise than served by the service. Changes nothing."""
        if not names:
            return []
        held = {each.name: each for each in await self._api.domains(self._service.id)}
        elsewhere = await self._find_elsewhere({*names} - held.keys())
        drifts = [self._compare(name, held.get(name), elsewhere.get(name)) for name in names]
        return [each for each in drifts if each is not None]

    def _compare(
        self, name: str, domain: CustomDomain | None, elsewhere: str | None
    ) -> Drift | None:
        if domain is None:
            return missing_domain(name, self._service.name, elsewhere, "service", "Render")
        # What Render does not tell, or in a word that is new, is nothing to act on.
        if domain.verification is not DomainVerification.UNVERIFIED:
            return None
        return lapsed_domain(name, (self._leading(domain),))

    async def _find_elsewhere(self, names: Set[str]) -> dict[str, str]:
        """By which other services of the workspace these are served; the first are asked."""
        found: dict[str, str] = {}
        if not names:
            return found
        listed = await self._api.list_services(self._service.owner_id)
        others = [each for each in listed if each.type in _SERVING and each.id != self._service.id]
        for service in others[:_MOST_ASKED]:
            held = {each.name for each in await self._api.domains(service.id)}
            found |= dict.fromkeys(names & held, service.name)
        return found

    async def _find(self, name: str) -> CustomDomain | None:
        return await find(self._api.domain(self._service.id, name))

    @fault_point("render.add_domain")
    async def _add(self, name: str) -> CustomDomain:
        refused: ProviderRefused | OutcomeUnknown | None = None
        try:
            await self._api.add_domain(self._service.id, name)
        except (OutcomeUnknown, ProviderRefused) as error:
            refused = error
        found = await self._find(name)
        if found is not None:
            return found
        if isinstance(refused, ProviderRefused):
            raise _refused(name, refused)
        raise refused or DomainRefused(f"Render took {name}, and does not show it.")

    @fault_point("render.verify_domain")
    async def _verify(self, name: str) -> None:
        await self._api.verify_domain(self._service.id, name)

    def _leading(self, domain: CustomDomain) -> DnsRecord:
        """The record that leads a domain to the service: an apex takes no CNAME."""
        if domain.kind == "apex":
            return DnsRecord("A", domain.name, _APEX_ADDRESS)
        address = (self._service.details and self._service.details.site) or ""
        return DnsRecord("CNAME", domain.name, urlsplit(address).hostname or "")


def _refused(name: str, error: ProviderRefused) -> DomainRefused:
    if error.answered == HTTPStatus.CONFLICT:
        return DomainRefused(
            f"Another service at Render has {name}.",
            remedy="Remove the domain from that service at Render, then verify it again.",
        )
    return DomainRefused(error.message, remedy=error.remedy)
