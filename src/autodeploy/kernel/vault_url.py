"""``AUTODEPLOY_VAULT_URL``: where a transit key is, without any credential.

Apart from the vault, so that reading the settings does not import what that needs.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from autodeploy.kernel.errors import InvalidInput

_FIELD = "AUTODEPLOY_VAULT_URL"
_FORM = "Write it as https://host:8200/transit/KEY; docs/vault.md describes each part."
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_OPTIONS = {"namespace", "ca", "approle", "seal"}


@dataclass(frozen=True)
class TransitAddress:
    """A key of a transit engine.

    ``origin`` is scheme, host and port; ``mount`` the path of the engine, ``approle`` that of the
    AppRole login; ``ca`` a file of the authorities that the server's certificate is checked with.
    ``seals`` is false for an installation that moves away: then values are only opened there.
    """

    origin: str
    mount: str
    key: str
    namespace: str | None = None
    ca: Path | None = None
    approle: str = "approle"
    seals: bool = True


def parse_transit_url(url: str) -> TransitAddress:
    """Read the setting. Raises ``InvalidInput``, whose message repeats nothing of the URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refused("It is not a URL") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.username is not None or parts.password is not None:
        raise _refused("It holds a credential, which belongs into the settings made for it")
    if parts.scheme not in {"http", "https"} or not host:
        raise _refused("It does not begin with https:// and a host")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise _refused("http:// would send secrets in the clear to another machine")
    mount, _, key = parts.path.strip("/").rpartition("/")
    if not mount or not key:
        raise _refused("Its path does not name the engine and the key")
    if unknown := options.keys() - _OPTIONS:
        raise _refused(f"It has options that are not known ({', '.join(sorted(unknown))})")
    if options.get("seal", "true") not in {"true", "false"}:
        raise _refused("Its option seal is neither true nor false")
    return TransitAddress(
        origin=f"{parts.scheme}://{parts.netloc}",
        mount=mount,
        key=key,
        namespace=options.get("namespace"),
        ca=Path(options["ca"]) if "ca" in options else None,
        approle=options.get("approle", "approle").strip("/"),
        seals=options.get("seal") != "false",
    )


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(f"{reason}.", field=_FIELD, remedy=_FORM)
