"""Git URLs that users give: which are accepted, and what they name."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from autodeploy.kernel.errors import InvalidInput

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>[^@/:\s]+):(?P<path>[^:].*)\Z")
_MAX_LENGTH = 2048


@dataclass(frozen=True)
class RemoteUrl:
    """An accepted git URL. ``text`` is what git is given, ``path`` has no leading slash."""

    text: str
    protocol: str
    user: str | None
    host: str
    port: int
    path: str

    @property
    def full_name(self) -> str:
        """``owner/name`` as forges show it; the last two parts of the path at most."""
        parts = [each for each in self.path.removesuffix("/").split("/") if each not in ("", "~")]
        if parts:
            parts[-1] = parts[-1].removesuffix(".git") or self.host
        return "/".join(parts[-2:]) or self.host


def parse_url(text: str, *, allow_http: bool = False) -> RemoteUrl:
    """Accept an https, ssh (also ``git@host:path``) or git URL; http where it is allowed.

    Raises:
        InvalidInput: another protocol, a local path, credentials or nonsense in the URL.
    """
    text = text.strip()
    if not text or len(text) > _MAX_LENGTH or any(ord(c) <= 32 or ord(c) == 127 for c in text):
        raise _refused("This is not a git URL.", "Give a URL such as https://host/owner/name.")
    remote = _parse_url(text) if "://" in text else _parse_scp(text)
    allowed = ("https", "ssh", "git", *(("http",) if allow_http else ()))
    if remote.protocol not in allowed:
        raise _refused(
            f"The protocol {remote.protocol!r} is not accepted for repositories.",
            "Use https, ssh or git. To deploy a folder of this machine, run "
            "`autodeploy deploy <folder>`, which uploads it.",
        )
    return remote


def _parse_url(text: str) -> RemoteUrl:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused("This is not a git URL.", "Check its host and port.") from error
    protocol = parts.scheme.lower()
    if protocol not in _DEFAULT_PORTS:
        return RemoteUrl(text, protocol, None, host, 0, parts.path)
    _refuse_credentials(parts, protocol)
    if parts.query or parts.fragment:
        raise _refused("A git URL has no query and no fragment.", "Leave out what follows ? or #.")
    _check_host(host)
    path = parts.path.strip("/")
    if not path:
        raise _refused("The URL names no repository.", "Give the whole URL of the repository.")
    if path.startswith("-") or (parts.username and not _USER.match(parts.username)):
        raise _refused("This is not a git URL.", "Check the user name and the path.")
    return RemoteUrl(text, protocol, parts.username, host, port or _DEFAULT_PORTS[protocol], path)


def _parse_scp(text: str) -> RemoteUrl:
    match = _SCP.match(text)
    if match is None:
        raise _refused(
            "This is not a git URL, and the server reads no path that a user names.",
            "Give an https, ssh or git URL. To deploy a folder, run `autodeploy deploy <folder>`.",
        )
    user, host, path = match["user"], match["host"], match["path"].strip("/")
    _check_host(host)
    if not path or path.startswith("-") or (user is not None and not _USER.match(user)):
        raise _refused("This is not a git URL.", "Write it as git@host:owner/name.")
    return RemoteUrl(text, "ssh", user, host, _DEFAULT_PORTS["ssh"], path)


def _refuse_credentials(parts: SplitResult, protocol: str) -> None:
    if parts.password is not None or (parts.username is not None and protocol != "ssh"):
        raise _refused(
            "The URL holds a user name or a password, which would be stored and shown with it.",
            "Leave it out of the URL and connect a token for this host instead.",
        )


def _check_host(host: str) -> None:
    if not (_HOST.match(host) or (":" in host and _IPV6.match(host))):
        raise _refused("The URL has no valid host name.", "Check the part after ://.")


def _refused(message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, field="url", remedy=remedy)
