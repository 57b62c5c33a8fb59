"""How many files and connections the platform's processes may have open."""

import resource

from autodeploy.cli.failures import CommandError

_WANTED_FILES = 65536
# PostgreSQL alone refuses to start below 64; a busy API needs one a client.
_LEAST_FILES = 512


def raise_file_limit() -> None:
    """Let this process, and all that it starts, open as many files as the machine allows.

    The usual limit of 1024 is for programs that use ``select``; each WebSocket takes one. Raises
    ``CommandError`` when the hard limit is too low to run at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(_WANTED_FILES, hard)
    if allowed < _LEAST_FILES:
        raise CommandError(
            f"A process may open only {allowed} files here; AutoDeploy needs {_LEAST_FILES}.",
            remedy=f"Raise the limit: `ulimit -n {_WANTED_FILES}` before the start, "
            "`LimitNOFILE=` in a systemd unit, `nofile` in /etc/security/limits.conf.",
            code="too_few_files",
        )
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
