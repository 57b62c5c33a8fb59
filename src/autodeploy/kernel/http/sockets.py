"""HTTP over a unix socket of this machine."""

import ssl
from pathlib import Path

import httpx

# httpx prepares TLS for every transport, which takes 20 ms when it reads the authorities. None
# of them is asked on a socket, so all transports share a context that trusts nobody.
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def socket_transport(path: Path) -> httpx.AsyncHTTPTransport:
    """A transport whose requests, whatever host they name, go to the socket at ``path``."""
    return httpx.AsyncHTTPTransport(uds=str(path), verify=_NO_AUTHORITIES)
