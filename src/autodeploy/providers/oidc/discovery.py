"""What an issuer says of itself: its discovery document and its keys, kept for a while."""

import time
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.providers.identity import ProviderMisconfigured

#: A key as RFC 7517 has it.
Jwk = dict[str, Any]

#: A key that the issuer withdrew is trusted for no longer than this.
KEPT_SECONDS = 600.0


class Document(BaseModel):
    """The parts of the discovery document that signing in needs."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    # Both defaults are those of OpenID Connect Discovery 1.0, section 3, and RFC 9207.
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


class _Keys(BaseModel):
    keys: Annotated[list[Jwk], Field(max_length=200)]


class Discovery:
    """The document and keys of one issuer; each is asked for when it is needed, then kept."""

    def __init__(self, http: HttpClient, issuer: str):
        self._http = http
        self.issuer = issuer
        self._document: tuple[float, Document] | None = None
        self._keys: tuple[float, list[Jwk]] | None = None

    async def document(self) -> Document:
        """Raises ``ProviderUnavailable``, and ``ProviderMisconfigured`` for another issuer's."""
        if self._document is not None and _is_fresh(self._document[0]):
            return self._document[1]
        path = "/.well-known/openid-configuration"
        url = f"{self.issuer.rstrip('/')}{path}"
        answer = await self._http.send(Call("GET", path, address=url))
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the discovery document could not be read")
        document = answer.read(Document)
        self._check(document)
        self._document = (time.monotonic(), document)
        return document

    async def keys(self, *, fresh: bool = False) -> list[Jwk]:
        """The keys that sign ID tokens; ``fresh`` asks again. Raises ``ProviderUnavailable``."""
        if self._keys is not None and _is_fresh(self._keys[0]) and not fresh:
            return self._keys[1]
        document = await self.document()
        answer = await self._http.send(Call("GET", "/keys", address=document.jwks_uri))
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the keys could not be read")
        keys = answer.read(_Keys).keys
        self._keys = (time.monotonic(), keys)
        return keys

    def _check(self, document: Document) -> None:
        if document.issuer != self.issuer:
            raise ProviderMisconfigured(
                "The discovery document belongs to another issuer than the settings name.",
                remedy="The operator sets AUTODEPLOY_OIDC__ISSUER to the issuer as the document "
                "spells it, to the last character.",
            )
        scheme = urlsplit(self.issuer).scheme
        endpoints = [
            document.authorization_endpoint,
            document.token_endpoint,
            document.jwks_uri,
            document.userinfo_endpoint or document.token_endpoint,
        ]
        if any(urlsplit(each).scheme not in ("https", scheme) for each in endpoints):
            raise ProviderMisconfigured(
                "The discovery document names an address that is not https.",
                remedy="The operator corrects the settings of the OpenID Connect provider.",
            )


def _is_fresh(since: float) -> bool:
    return time.monotonic() - since < KEPT_SECONDS
