"""Following a git server's redirect by hand, each hop with its address checked.

Forges answer a renamed repository with a redirect. git would follow it through libcurl without
a check of the new address, so it is told not to, and this asks the server where it points to.
"""

import asyncio
import os
import ssl
from urllib.parse import urljoin

import httpx

from autodeploy.kernel.git.errors import RepositoryUnreachable
from autodeploy.kernel.git.urls import RemoteUrl, parse_url
from autodeploy.kernel.http.addresses import check_address

_PROBE = "/info/refs?service=git-upload-pack"
_MAX_REDIRECTS = 5
_TIMEOUT_SECONDS = 20.0


async def redirected(remote: RemoteUrl, *, allow_private: bool) -> RemoteUrl:
    """Where the server sends ``remote`` to: the last of at most five redirects.

    Raises:
        AddressRefused: a redirect leads to a private address.
        InvalidInput: a redirect leads to a protocol that is not accepted.
        RepositoryUnreachable: too many redirects, or no answer.
    """
    for _ in range(_MAX_REDIRECTS):
        location = await _location(remote, allow_private)
        if location is None:
            return remote
        remote = parse_url(_without_probe(location), allow_http=allow_private)
    raise RepositoryUnreachable(
        "The git server redirects in a circle.", field="url", remedy="Check the repository's URL."
    )


async def _location(remote: RemoteUrl, allow_private: bool) -> str | None:
    """The absolute target of the redirect that the checked address answers, if it does."""
    address = (await check_address(remote.host, remote.port, allow_private))[0]
    url = httpx.URL(remote.text.rstrip("/") + _PROBE)
    pinned = url.copy_with(host=address)
    headers = {"Host": url.netloc.decode(), "User-Agent": "git/autodeploy"}
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            httpx.AsyncClient(
                trust_env=False, timeout=_TIMEOUT_SECONDS, verify=_certificates()
            ) as client,
            client.stream(
                "GET", pinned, headers=headers, extensions={"sni_hostname": remote.host}
            ) as response,
        ):
            target = response.headers.get("Location") if response.is_redirect else None
    except (httpx.HTTPError, TimeoutError) as error:
        raise RepositoryUnreachable(
            f"{remote.host} does not answer.", field="url", remedy="Check the URL, or try again."
        ) from error
    return None if target is None else urljoin(str(url), target)


def _certificates() -> ssl.SSLContext:
    """The authorities that git trusts too; OpenSSL itself reads ``SSL_CERT_FILE``."""
    return ssl.create_default_context(cafile=os.environ.get("GIT_SSL_CAINFO"))


def _without_probe(location: str) -> str:
    return location.split("?")[0].removesuffix("/info/refs")
