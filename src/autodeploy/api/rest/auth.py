"""``/api/v1/auth``: signing up, in and out, personal tokens, tickets; the public signing keys."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep, client_of
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page, Schema
from autodeploy.services.auth import service
from autodeploy.services.auth.schemas import (
    LoginInput,
    Me,
    NewToken,
    RefreshInput,
    RegisterInput,
    SecondFactorLoginInput,
    SecondFactorNeeded,
    SetupInput,
    SignedIn,
    Ticket,
    TokenInput,
    TokenView,
)

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
keys_router = APIRouter(tags=["auth"])


class PublicKey(Schema):
    """A public key as RFC 7517 has it."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class PublicKeys(Schema):
    """The keys that access tokens are signed with."""

    keys: list[PublicKey]


@router.post("/register", status_code=status.HTTP_201_CREATED, operation_id="register")
async def register(request: Request, resources: ResourcesDep, body: RegisterInput) -> SignedIn:
    """Create an account with its personal organization, and sign it in."""
    return await service.register(resources, body, **client_of(request))


@router.post("/login", operation_id="login")
async def login(
    request: Request, resources: ResourcesDep, body: LoginInput
) -> SignedIn | SecondFactorNeeded:
    """Sign in with e-mail and password; an account with a second factor gets a challenge."""
    return await service.login(resources, body, **client_of(request))


@router.post("/login/second-factor", operation_id="loginWithSecondFactor")
async def login_with_second_factor(
    request: Request, resources: ResourcesDep, body: SecondFactorLoginInput
) -> SignedIn:
    """Complete a login by a code of the authenticator app, or a recovery code."""
    return await service.login_with_second_factor(resources, body, **client_of(request))


@router.post("/setup", status_code=status.HTTP_201_CREATED, operation_id="setUp")
async def set_up(request: Request, resources: ResourcesDep, body: SetupInput) -> SignedIn:
    """Make the first administrator, with the token that `autodeploy serve` printed."""
    return await service.set_up(resources, body, **client_of(request))


@router.post("/refresh", operation_id="refresh")
async def refresh(resources: ResourcesDep, body: RefreshInput) -> SignedIn:
    """Exchange a refresh token, which works once, for the next pair of tokens."""
    return await service.refresh(resources, body.refresh_token)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, operation_id="logout")
async def logout(resources: ResourcesDep, principal: PrincipalDep) -> None:
    """End the session: its tokens stop working at once."""
    await service.logout(resources, principal)


@router.get("/me", operation_id="getMe")
async def me(resources: ResourcesDep, principal: PrincipalDep) -> Me:
    """The caller's account and organizations."""
    return await service.get_me(resources, principal)


@router.get("/tokens", operation_id="listTokens")
async def list_tokens(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
) -> Page[TokenView]:
    """The caller's personal tokens, newest first."""
    tokens = await service.list_tokens(resources, principal, limit=page.limit, cursor=page.cursor)
    link_next(request, response, tokens.next_cursor)
    return tokens


@router.post("/tokens", status_code=status.HTTP_201_CREATED, operation_id="createToken")
async def create_token(
    resources: ResourcesDep, principal: PrincipalDep, body: TokenInput
) -> NewToken:
    """A new personal token; its secret is in this answer only."""
    return await service.create_token(resources, principal, body)


@router.delete(
    "/tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="revokeToken"
)
async def revoke_token(resources: ResourcesDep, principal: PrincipalDep, token_id: UUID) -> None:
    """End a personal token."""
    await service.revoke_token(resources, principal, token_id)


@router.post("/ticket", operation_id="issueTicket")
async def issue_ticket(resources: ResourcesDep, principal: PrincipalDep) -> Ticket:
    """A ticket that opens one WebSocket within a minute."""
    return await service.issue_ticket(resources, principal)


@keys_router.get("/.well-known/jwks.json", operation_id="getPublicKeys")
async def public_keys(resources: ResourcesDep) -> PublicKeys:
    """The public keys that verify access tokens."""
    return PublicKeys.model_validate(resources.signer.jwks())
