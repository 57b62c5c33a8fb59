"""Which network addresses the platform may be sent to by a URL that a user gave.

The name is resolved here and **every** address behind it is checked; the caller then connects
to the checked address and to no other, so that a name server cannot answer differently later.
"""

import asyncio
import ipaddress
import re
import socket
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

from autodeploy.kernel.errors import AutoDeployError, InvalidInput

_RESOLVE_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
# Prefixes that carry an IPv4 address inside an IPv6 one: NAT64 (RFC 6052) and 6to4 (RFC 3056).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(AutoDeployError):
    """The host is, or resolves to, an address inside the operator's own network."""

    code = "address_refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class HostNotFound(AutoDeployError):
    """No address is known for the host name."""

    code = "host_not_found"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    retryable = True


def is_public(address: str) -> bool:
    """Whether ``address`` is a global unicast address, also when IPv6 wraps an IPv4 one."""
    return all(_is_global_unicast(each) for each in _unwrapped(ipaddress.ip_address(address)))


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of one scheme, host and port (RFC 6454)."""
    try:
        return _origin(urlsplit(one)) == _origin(urlsplit(other))
    except ValueError:  # one of them is no address
        return False


def site(address: str | None) -> str | None:
    """``address`` where it is that of a site, which people are shown and sent to: ``http`` or
    ``https``, and a host without credentials. None for anything else that somebody told."""
    try:
        parts = urlsplit(address or "")
        whole = all("!" <= each <= "~" for each in address or "") and parts.port != 0
    except ValueError:
        return None
    named = "@" not in parts.netloc and _HOST.fullmatch(parts.hostname or "")
    return address if whole and named and parts.scheme in _PORTS else None


def resolved(base: str, target: str) -> str | None:
    """The absolute address that ``target`` is, seen from ``base``; None when it is none."""
    try:
        return urljoin(base, target)
    except ValueError:
        return None


def pinned(url: str, address: str) -> str:
    """``url`` with ``address``, one that was checked, in place of its host."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    host = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=f"{host}:{port}").geturl()


async def check_url(url: str, allow_private: bool) -> tuple[str, ...]:
    """The addresses behind a ``http`` or ``https`` URL, in the resolver's order.

    Raises as ``check_address``.
    """
    parts = urlsplit(url)
    return await check_address(
        parts.hostname or "", parts.port or _PORTS[parts.scheme], allow_private
    )


async def check_address(host: str, port: int, allow_private: bool) -> tuple[str, ...]:
    """Resolve ``host`` and refuse it when any of its addresses is not public.

    Args:
        host: a name or a literal address, without brackets.
        port: the TCP port that will be used.
        allow_private: the operator's choice to allow loopback and private networks.

    Returns:
        The checked addresses, in the resolver's order. Connect to these only.

    Raises:
        AddressRefused: an address is loopback, link-local, private, multicast or reserved.
        HostNotFound: the name has no address.
        InvalidInput: the host is empty or holds characters that no host name has.
    """
    addresses = await _resolve(host, port)
    refused = next((each for each in addresses if not is_public(each)), None)
    if refused is not None and not allow_private:
        raise AddressRefused(
            f"{host} is an address inside a private network, which AutoDeploy does not connect to.",
            field="url",
            remedy="Use a public address. The operator can allow private ones with "
            "AUTODEPLOY_ALLOW_PRIVATE_ADDRESSES=true.",
        )
    return addresses


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _unwrapped(address: Address) -> list[Address]:
    """The address and the IPv4 address that it carries, if it carries one."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def _is_global_unicast(address: Address) -> bool:
    # ``is_global`` is true for multicast, and says nothing of site-local IPv6.
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


async def _resolve(host: str, port: int) -> tuple[str, ...]:
    if not host or any(ord(each) <= 32 or ord(each) == 127 for each in host):
        raise InvalidInput("The host name is empty or holds spaces.", field="url")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise HostNotFound(
            f"No address was found for {host}.",
            field="url",
            remedy="Check the host name, and that this machine can resolve names.",
        ) from error
    # A scope ("fe80::1%eth0") is cut: link-local addresses are refused with or without it.
    addresses = dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found)
    return tuple(addresses)
