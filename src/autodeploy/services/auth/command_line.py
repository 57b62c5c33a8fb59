"""Signing in a command line with a browser: RFC 8252, with PKCE (RFC 7636) against ourselves.

The command line listens on loopback and keeps a verifier; its user signs in at our page, which asks
for a code and sends the browser to the command line with it. Only the holder of the verifier makes
a token of the code. What the token may do is part of what the user agreed to, and so of the code.
"""

import hmac
import json
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.providers.identity import pkce_challenge
from autodeploy.services.auth import account_store, audit, store
from autodeploy.services.auth.oauth_schemas import (
    CommandLineCode,
    CommandLineCodeInput,
    CommandLineTokenInput,
)
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.personal_tokens import add_token
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import NewToken, TokenView
from autodeploy.services.auth.tokens import digest, new_secret

LIFETIME_SECONDS = 60


async def issue_code(
    resources: Resources, principal: Principal, body: CommandLineCodeInput
) -> CommandLineCode:
    """A code with which the holder of the challenge's verifier signs in as the caller.

    Raises ``Forbidden`` without the scope admin, as making a token does.
    """
    require_scope(principal, Scope.ADMIN)
    code = new_secret()
    record = {
        "user": str(principal.user_id),
        "challenge": body.challenge,
        "scope": body.scope,
    }
    await resources.cache.put(_key(code), json.dumps(record).encode(), ttl_seconds=LIFETIME_SECONDS)
    return CommandLineCode(code=code, expires_in=LIFETIME_SECONDS)


async def redeem_code(
    resources: Resources,
    body: CommandLineTokenInput,
    *,
    user_agent: str | None,
    address: str | None,
) -> NewToken:
    """A personal token of the user who let the command line in; the code ends with this.

    Raises ``InvalidInput`` for a code that is used, expired or of another command line.
    """
    stored = await resources.cache.take(_key(body.code))
    record = json.loads(stored) if stored else None
    challenge = pkce_challenge(body.verifier)
    if record is None or not hmac.compare_digest(record["challenge"], challenge):
        raise _ended()
    async with resources.db.transaction() as session:
        await store.act_for(session, UUID(record["user"]))
        user = await account_store.lock_user(session, UUID(record["user"]))
        if user is None:
            raise _ended()
        row, token = await add_token(
            session, user.id, name=body.name, scopes=[Scope(record["scope"])], expires_at=None
        )
        who = audit.Actor(
            kind=audit.ActorKind.USER, user_id=user.id, address=address, user_agent=user_agent
        )
        await audit.record(
            session, who, audit.OwnAction.TOKEN_CREATE, row, after=audit.snapshot(row)
        )
    return NewToken(**TokenView.model_validate(row).model_dump(), token=token)


def _key(code: str) -> str:
    return f"command-line:{digest(code).hex()}"


def _ended() -> InvalidInput:
    return InvalidInput(
        "The code is used, older than a minute, or of another command line.",
        field="code",
        remedy="Run `autodeploy login` again.",
    )
