"""Webhooks of a repository at GitHub: one of ours, and what became of its deliveries.

docs.github.com/rest/repos/webhooks, 2026-11. GitHub repeats no delivery by itself, and has no
idempotency keys: a hook is known by its address, so that one is looked for before it is made.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.senders import Sender
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.shapes import Delivery, Webhook

_HOOKS = "/repos/{owner}/{repo}/hooks"
_HOOK = f"{_HOOKS}/{{hook_id}}"


class Webhooks:
    """The webhooks of one repository. Raises as ``GitHubAccount``."""

    def __init__(self, http: Sender, parts: Mapping[str, str]):
        self._http = http
        self._parts = parts

    async def registered(self) -> AsyncIterator[Webhook]:
        """All of the repository, also those of others."""
        query = {"per_page": "100"}
        call = Call("GET", _HOOKS, parts=self._parts, query=query)
        async for page in pages(self._http, call, linked):
            for webhook in expect(page, HTTPStatus.OK).read(list[Webhook]):
                yield webhook

    async def ensure(self, *, url: str, secret: str, events: Sequence[str]) -> Webhook:
        """The repository's webhook to ``url``, with this secret and these events.

        One that is there is adopted: what it is asked to send, and its secret, are set again.

        Raises ``ProviderRefused`` where the account may not administer the repository.
        """
        found = await self._find(url)
        if found is None:
            try:
                return await self._create(url, secret, events)
            except (OutcomeUnknown, ProviderRefused) as error:
                found = await self._made_meanwhile(url, error)
        return await self._update(found.id, url, secret, events)

    async def delete(self, webhook_id: int) -> None:
        """Remove it; one that is gone already is no error."""
        call = Call("DELETE", _HOOK, parts=self._of(webhook_id))
        answer = await self._http.send(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            expect(answer, HTTPStatus.NO_CONTENT)

    async def deliveries(self, webhook_id: int) -> AsyncIterator[Delivery]:
        """What was sent to it, the latest first. Stop when you have seen enough."""
        query = {"per_page": "100"}
        call = Call("GET", f"{_HOOK}/deliveries", parts=self._of(webhook_id), query=query)
        async for page in pages(self._http, call, linked):
            for delivery in expect(page, HTTPStatus.OK).read(list[Delivery]):
                yield delivery

    async def redeliver(self, webhook_id: int, delivery_id: int) -> None:
        """Have it sent once more. Raises ``OutcomeUnknown``: then it may come twice."""
        call = Call(
            "POST",
            f"{_HOOK}/deliveries/{{delivery_id}}/attempts",
            parts={**self._of(webhook_id), "delivery_id": str(delivery_id)},
        )
        expect(await self._http.send(call), HTTPStatus.ACCEPTED)

    async def _find(self, url: str) -> Webhook | None:
        async for webhook in self.registered():
            if webhook.config.url == url:
                return webhook
        return None

    async def _made_meanwhile(self, url: str, error: AutoDeployError) -> Webhook:
        """The one that a call without an answer made, or that another maker was faster with."""
        found = await self._find(url)
        if found is None:
            raise error
        return found

    async def _create(self, url: str, secret: str, events: Sequence[str]) -> Webhook:
        body = {"name": "web", **_wanted(url, secret, events)}
        answer = await self._http.send(Call("POST", _HOOKS, parts=self._parts, body=body))
        return expect(answer, HTTPStatus.CREATED).read(Webhook)

    async def _update(
        self, webhook_id: int, url: str, secret: str, events: Sequence[str]
    ) -> Webhook:
        body = _wanted(url, secret, events)
        call = Call("PATCH", _HOOK, parts=self._of(webhook_id), body=body, safe=True)
        return expect(await self._http.send(call), HTTPStatus.OK).read(Webhook)

    def _of(self, webhook_id: int) -> dict[str, str]:
        return {**self._parts, "hook_id": str(webhook_id)}


def _wanted(url: str, secret: str, events: Sequence[str]) -> dict[str, object]:
    config = {"url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0"}
    return {"active": True, "events": list(events), "config": config}
