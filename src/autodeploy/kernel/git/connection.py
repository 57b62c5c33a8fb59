"""How git is led to a checked address and to no other.

git resolves names itself, so a check before its start is not enough: the name server may answer
differently a moment later. Each protocol is therefore pinned to the addresses that were checked:

- https and http: ``http.curloptResolve`` (git 2.37 and newer); redirects are off, since libcurl
  would follow them unchecked. ``redirects.py`` follows them by itself, with the same check.
- git: the host in the URL is replaced by the address.
- ssh: ``HostName`` in a configuration of ours, with ``HostKeyAlias`` keeping the name for the
  host key. ssh is started through a constant two-line wrapper, because git offers no way to pass
  an argument to it that does not go through a shell. It sees no key or agent of ours but the
  identity file that the operator named for AutoDeploy.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from autodeploy.kernel.git.urls import RemoteUrl

_PROTOCOLS = ("https", "ssh", "git")
_HARDENING = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "init.defaultBranch": "main",
    "advice.detachedHead": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "protocol.git.allow": "always",
}
_SSH_WRAPPER = '#!/bin/sh\nexec ssh -F "$AUTODEPLOY_SSH_CONFIG" "$@"\n'


@dataclass(frozen=True)
class Connection:
    """What a run of git needs to reach one repository: its URL, settings and environment."""

    url: str
    settings: dict[str, str]
    environment: dict[str, str]

    def arguments(self, *command: str) -> list[str]:
        """``command`` with the settings before it. The server is the remote ``origin``."""
        settings = {**self.settings, "remote.origin.url": self.url}
        flags = [part for item in settings.items() for part in ("-c", "=".join(item))]
        return [*flags, *command]


def connect(
    remote: RemoteUrl, addresses: tuple[str, ...], folder: Path, ssh_identity: Path | None,
    allow_http: bool,
) -> Connection:  # fmt: skip
    """Pin ``remote`` to ``addresses``; files that ssh needs are written to ``folder``."""
    settings, url = dict(_HARDENING), remote.text
    environment = {"GIT_ALLOW_PROTOCOL": ":".join((*_PROTOCOLS, *(["http"] * allow_http)))}
    if allow_http:
        settings["protocol.http.allow"] = "always"
    if remote.protocol in ("https", "http") and not _is_address(remote.host):
        pinned = ",".join(map(_bracketed, addresses))
        settings["http.curloptResolve"] = f"{remote.host}:{remote.port}:{pinned}"
    elif remote.protocol == "git":
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        url = urlunsplit(parts._replace(netloc=f"{_bracketed(addresses[0])}{port}"))
    elif remote.protocol == "ssh":
        environment |= _write_ssh_files(remote, addresses[0], folder, ssh_identity)
    return Connection(url, settings, environment)


def _write_ssh_files(
    remote: RemoteUrl, address: str, folder: Path, identity: Path | None
) -> dict[str, str]:
    config, wrapper = folder / "ssh_config", folder / "ssh"
    known_hosts = identity.with_name("known_hosts") if identity else folder / "known_hosts"
    config.write_text(
        "Host *\n"
        f"  HostName {address}\n"
        f"  HostKeyAlias {remote.host}\n"
        "  BatchMode yes\n  ConnectTimeout 15\n  ServerAliveInterval 15\n"
        "  StrictHostKeyChecking accept-new\n"
        f'  UserKnownHostsFile "{known_hosts}"\n'
        "  IdentitiesOnly yes\n  IdentityAgent none\n"
        f'  IdentityFile "{identity or "none"}"\n'
        "  ProxyCommand none\n  ClearAllForwardings yes\n  PermitLocalCommand no\n"
    )
    wrapper.write_text(_SSH_WRAPPER)
    wrapper.chmod(0o700)
    return {
        "GIT_SSH": str(wrapper),
        "GIT_SSH_VARIANT": "ssh",
        "AUTODEPLOY_SSH_CONFIG": str(config),
    }


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
