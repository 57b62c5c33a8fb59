"""Domains of a project: added, proved to be somebody's own, and pointed at Vercel.

vercel.com/docs/domains, 2026-03, and its SDK 1.28.35: a domain that another account has is served
once a TXT record proves whose it is; any is served once its records lead to Vercel.
"""

from contextlib import suppress
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.providers.domains import DnsRecord, DomainRefused, DomainStatus
from autodeploy.providers.vercel.domain_shapes import Alias, Domain, DomainRecords
from autodeploy.providers.vercel.refusals import expect

_DOMAIN = "/v9/projects/{project}/domains/{domain}"


class Domains:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""

    def __init__(self, http: HttpClient, project_id: str):
        self._http = http
        self._project_id = project_id

    async def serve(self, name: str) -> DomainStatus:
        """Have the domain, look at its records again, and say which are missing.

        Raises ``DomainRefused``.
        """
        try:
            domain = await self.ensure(name)
        except ProviderRefused as error:
            raise _refused(name, error) from None
        if not domain.verified:
            with suppress(ProviderRefused):
                domain = await self.verify(name)
        return await self._status(domain)

    async def find(self, name: str) -> DomainStatus | None:
        """How the domain is served, and None for one that the project has not. Changes nothing."""
        domain = await self._find(name)
        return None if domain is None else await self._status(domain)

    async def project_of(self, name: str) -> str | None:
        """The id of the project that the name leads to, of those that the account may see."""
        call = Call("GET", "/v4/aliases/{alias}", parts={"alias": name})
        try:
            return expect(await self._http.send(call)).read(Alias).project_id
        except (NotFound, ProviderRefused):
            return None

    async def ensure(self, name: str) -> Domain:
        """The domain, with the records that prove it where it is not verified yet.

        Raises ``ProviderRefused`` (409) where another project has it.
        """
        return await self._find(name) or await self._add(name)

    @fault_point("vercel.verify_domain")
    async def verify(self, name: str) -> Domain:
        """Have Vercel look at its records. Raises ``ProviderRefused`` (400) while they are missing,
        which ``ensure`` names."""
        call = Call("POST", f"{_DOMAIN}/verify", parts=self._parts(name), safe=True)
        return expect(await self._http.send(call)).read(Domain)

    async def records(self, name: str) -> DomainRecords | None:
        """Whether it leads to Vercel, and the records that would make it; None where Vercel does
        not tell."""
        query = {"projectIdOrName": self._project_id}
        call = Call("GET", "/v6/domains/{domain}/config", parts={"domain": name}, query=query)
        try:
            return expect(await self._http.send(call)).read(DomainRecords)
        except NotFound:
            return None

    @fault_point("vercel.remove_domain")
    async def remove(self, name: str) -> None:
        """Idempotent."""
        answer = await self._http.send(Call("DELETE", _DOMAIN, parts=self._parts(name)))
        expect(answer, HTTPStatus.NOT_FOUND)

    async def _find(self, name: str) -> Domain | None:
        try:
            answer = await self._http.send(Call("GET", _DOMAIN, parts=self._parts(name)))
            return expect(answer).read(Domain)
        except NotFound:
            return None

    async def _status(self, domain: Domain) -> DomainStatus:
        leads = await self.records(domain.name)
        # The records stay: a challenge is looked at again.
        records = [DnsRecord(each.type, each.domain, each.value) for each in domain.verification]
        if leads is None:
            return DomainStatus(False, tuple(records))
        if leads.misconfigured:
            records += _leading(domain, leads)
        return DomainStatus(domain.verified and not leads.misconfigured, tuple(records))

    @fault_point("vercel.add_domain")
    async def _add(self, name: str) -> Domain:
        path, parts = "/v10/projects/{project}/domains", {"project": self._project_id}
        try:
            answer = await self._http.send(Call("POST", path, parts=parts, body={"name": name}))
            return expect(answer).read(Domain)
        except (OutcomeUnknown, ProviderRefused) as error:
            if isinstance(error, ProviderRefused) and error.answered != HTTPStatus.CONFLICT:
                raise
            found = await self._find(name)
            if found is None:
                raise
            return found

    def _parts(self, name: str) -> dict[str, str]:
        return {"project": self._project_id, "domain": name}


def _leading(domain: Domain, recommended: DomainRecords) -> list[DnsRecord]:
    """The record that leads a domain to Vercel, if it recommends one: a domain that has others
    below it takes no CNAME."""
    by_rank = sorted(recommended.addresses, key=lambda each: each.rank)
    addresses = [value for each in by_rank for value in each.value if value]
    if domain.name == domain.apex_name and addresses:
        return [DnsRecord("A", domain.name, addresses[0])]
    names = [each for each in recommended.names if each.value]
    best = sorted(names, key=lambda each: each.rank)[:1]
    return [DnsRecord("CNAME", domain.name, each.value) for each in best]


def _refused(name: str, error: ProviderRefused) -> DomainRefused:
    if error.answered == HTTPStatus.CONFLICT:
        return DomainRefused(
            f"Another project at Vercel has {name}.",
            remedy="Remove the domain from that project at Vercel, then verify it again.",
        )
    return DomainRefused(error.message, remedy=error.remedy)
