"""``Idempotency-Key`` on POST: a repeated request gets the first one's answer for 24 hours.

The answer is kept encrypted for the caller, since it may hold a secret that is shown once. Callers
without a credential have no answers of their own to keep, so their key changes nothing: a key is
no secret, and whoever knew one could read a new session's tokens. A repeated registration is told
that the address is taken, and the caller signs in.

A process that dies after the change and before the answer leaves the key without one. Repetitions
are told to wait (409) for ``ABANDONED_AFTER``, then one of them runs anew.
"""

import hashlib
import json
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodeploy.api.bodies import is_stream
from autodeploy.api.deps import get_resources
from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict, InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault.columns import Place, place_of
from autodeploy.services.auth.models import IdempotencyKey
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.upkeep import ANSWERS_KEPT_FOR

#: After this long a request without an answer is taken to have died with its process.
ABANDONED_AFTER = timedelta(minutes=5)

_KEPT_HEADERS = ("content-type", "location", "etag")


class KeyReused(InvalidInput):
    """The Idempotency-Key was sent before with another request."""

    code = "idempotency_key_reused"


class RequestInProgress(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""

    code = "request_in_progress"
    retryable = True


class Idempotency:
    """Runs a POST with a key once, and answers its repetitions from what was kept."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key_of(scope)
        principal: Principal | None = scope.get("state", {}).get("principal")
        if key is None or principal is None:
            await self.app(scope, receive, send)
            return
        attempt = _Attempt(get_resources(HTTPConnection(scope)), principal.caller_id, key, scope)
        kept = await attempt.begin()
        if kept is not None:
            await kept(scope, receive, send)
            return
        recorder = _Recorder(send)
        try:
            await self.app(scope, receive, recorder)
        except BaseException:
            await attempt.forget()
            raise
        await attempt.finish(recorder)


class _Recorder:
    """Passes a response on and keeps a copy."""

    def __init__(self, send: Send):
        self._send = send
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = Headers(raw=message["headers"])
            self.headers = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        await self._send(message)


class _Attempt:
    """One request with a key, and its row."""

    def __init__(self, resources: Resources, caller_id: UUID, key: str, scope: Scope):
        self._resources = resources
        self._caller_id = caller_id
        self._key = key
        target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
        self._hash = hashlib.sha256(target.encode() + scope["state"]["body"]).digest()
        self._is_ours = (IdempotencyKey.caller_id == caller_id, IdempotencyKey.key == key)

    async def begin(self) -> Response | None:
        """Claim the key: None when this request is the one to run, else the kept answer.

        Raises ``KeyReused`` and ``RequestInProgress``, and ``Unavailable`` while the answer could
        not be kept: work whose repetition would do it again is not begun.
        """
        await self._resources.vault.check()
        async with self._resources.db.transaction() as session:
            await session.execute(
                delete(IdempotencyKey).where(
                    *self._is_ours, IdempotencyKey.created_at < now() - ANSWERS_KEPT_FOR
                )
            )
            await session.execute(
                delete(IdempotencyKey).where(
                    *self._is_ours,
                    IdempotencyKey.status.is_(None),
                    IdempotencyKey.created_at < now() - ABANDONED_AFTER,
                )
            )
            claimed = await session.scalar(
                insert(IdempotencyKey)
                .values(caller_id=self._caller_id, key=self._key, request_hash=self._hash)
                .on_conflict_do_nothing()
                .returning(IdempotencyKey.key)
            )
            if claimed is not None:
                return None
            row = await session.scalar(select(IdempotencyKey).where(*self._is_ours))
        return await self._answer_of(row)

    async def finish(self, answer: _Recorder) -> None:
        """Keep the answer; a failure of ours is forgotten, so that a repetition runs again."""
        if not 200 <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await self.forget()
            return
        content = json.dumps({"headers": answer.headers, "body": answer.body.decode()})
        place = self._place
        sealed = await self._resources.vault.encrypt_for(
            place.subject, content, context=place.context
        )
        async with self._resources.db.transaction() as session:
            await session.execute(
                update(IdempotencyKey)
                .where(*self._is_ours)
                .values(status=answer.status, encrypted_answer=sealed)
            )

    async def forget(self) -> None:
        async with self._resources.db.transaction() as session:
            await session.execute(delete(IdempotencyKey).where(*self._is_ours))

    async def _answer_of(self, row: IdempotencyKey | None) -> Response:
        if row is None or (row.request_hash == self._hash and row.status is None):
            raise RequestInProgress(
                "The first request with this Idempotency-Key is still running.",
                field="Idempotency-Key",
                remedy="Send it again in a moment.",
            )
        if row.request_hash != self._hash:
            raise KeyReused(
                "This Idempotency-Key was sent with another request.",
                field="Idempotency-Key",
                remedy="Use a new key for each different request.",
            )
        return await self._kept_response(row)

    async def _kept_response(self, row: IdempotencyKey) -> Response:
        if row.encrypted_answer is None or row.status is None:
            raise AutoDeployError("The kept answer of an idempotent request is incomplete.")
        place = self._place
        content = json.loads(
            await self._resources.vault.decrypt_for(
                place.subject, row.encrypted_answer, context=place.context
            )
        )
        headers = {**content["headers"], "Idempotency-Replayed": "true"}
        return Response(content["body"], status_code=row.status, headers=headers)

    @property
    def _place(self) -> Place:
        return place_of(IdempotencyKey.encrypted_answer, caller_id=self._caller_id, key=self._key)


def _key_of(scope: Scope) -> str | None:
    """The request's key, where one counts. Raises ``InvalidInput`` for an unusable one."""
    if scope["type"] != "http" or scope["method"] != "POST" or is_stream(scope["path"]):
        return None
    key = Headers(scope=scope).get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise InvalidInput(
            "An Idempotency-Key is 1 to 255 printable ASCII characters.",
            field="Idempotency-Key",
            remedy="Send a random UUID.",
        )
    return key
