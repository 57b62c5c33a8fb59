"""Shapes of signing in elsewhere, and of the accounts that are connected there."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from autodeploy.kernel.schema import DisplayName, Input, Schema
from autodeploy.services.auth.principal import Scope

_LONGEST_PARAMETER = 4096


class AuthorizationUrl(Schema):
    """Where to send the browser, once; it comes back to ``redirectUri`` with a state."""

    url: str
    redirect_uri: str
    expires_in: Annotated[int, Field(description="Seconds until it is too late to come back.")]


class CallbackInput(Input):
    """The query that the browser came back with: a code, or an error."""

    state: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    code: Annotated[str | None, Field(min_length=1, max_length=_LONGEST_PARAMETER, repr=False)] = (
        None
    )
    error: Annotated[str | None, Field(max_length=200)] = None
    error_description: Annotated[str | None, Field(max_length=_LONGEST_PARAMETER)] = None


class OidcCallbackInput(CallbackInput):
    iss: Annotated[str | None, Field(max_length=_LONGEST_PARAMETER)] = None


class VercelCallbackInput(CallbackInput):
    next: Annotated[
        str | None,
        Field(max_length=_LONGEST_PARAMETER, description="Where Vercel wants the browser to go."),
    ] = None


class OwnerView(Schema):
    """A team, workspace or organization at a provider."""

    id: str
    name: str


class ProviderTokenInput(Input):
    """A token that was made in the provider's console, and whose things it is used for there."""

    token: Annotated[
        str,
        Field(min_length=1, max_length=_LONGEST_PARAMETER, pattern=r"^[\x21-\x7e]+$", repr=False),
    ]
    owner_id: Annotated[
        str | None,
        Field(
            max_length=200,
            description="The team, workspace or organization; to be named where there are several.",
        ),
    ] = None


class ConnectionFailure(Schema):
    """Why a connection does not work, and since when."""

    reason: str
    since: datetime
    remedy: str


class ConnectionView(Schema):
    """An account elsewhere. It signs the user in, or gives access to what it holds, or both."""

    provider: str
    account_name: str | None
    signs_in: Annotated[bool, Field(description="Whether the user can sign in with it.")]
    has_access: Annotated[bool, Field(description="Whether a token of it is stored here.")]
    scopes: Annotated[list[str], Field(description="What the provider granted.")]
    expires_at: Annotated[
        datetime | None, Field(description="When the token expires; null for one that does not.")
    ]
    connected_at: datetime
    owner: Annotated[
        OwnerView | None,
        Field(description="The team, workspace or organization that it is used for."),
    ] = None
    status: Annotated[
        Literal["working", "failed"], Field(description="Whether its provider accepts it.")
    ]
    failure: ConnectionFailure | None
    missing_scopes: Annotated[
        list[str], Field(description="Those that are needed and were not granted, where known.")
    ]
    checked_at: Annotated[
        datetime | None, Field(description="When the provider was last asked whether it works.")
    ]


class VercelConnected(ConnectionView):
    """``next`` is the page of Vercel that ends the installation; send the browser there."""

    next: str | None


class Disconnected(Schema):
    """What became of a connection that was removed here."""

    provider: str
    revoked_at_provider: Annotated[
        bool | None,
        Field(
            description="Whether the provider ended the access too; null where there was none to "
            "end. When false, end it in the provider's own settings."
        ),
    ]
    remedy: str | None


class SignInMethod(Schema):
    """A way to sign in, or a provider to connect; ``urlPath`` gives the address to go to."""

    name: str
    title: str
    signs_in: bool
    connects: bool
    url_path: str | None


class SignInMethods(Schema):
    """``pageUrl`` is a page to sign in at, which also lets a command line in."""

    page_url: str
    methods: list[SignInMethod]


class CommandLineCodeInput(Input):
    """``challenge`` is that of the command line's verifier, by S256 of RFC 7636; ``scope`` is what
    the token of the command line will have."""

    challenge: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    scope: Scope = Scope.WRITE


class CommandLineCode(Schema):
    """A code that is sent to the command line, by way of the browser."""

    code: Annotated[str, Field(repr=False)]
    expires_in: int


class CommandLineTokenInput(Input):
    """``name`` is what the token is listed as."""

    code: Annotated[str, Field(min_length=1, max_length=100, repr=False)]
    verifier: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$", repr=False)]
    name: DisplayName
