"""From what git and the servers say to the errors that a user can act on.

The texts are git's own (LC_ALL=C, git 2.30 to 2.50), curl's, OpenSSH's and those of the large
forges, as of November 2026. What is not known here counts as a server that does not answer.
"""

import re
from collections.abc import Callable

from autodeploy.kernel.git.command import GitFailed
from autodeploy.kernel.git.errors import (
    GitError,
    RefNotFound,
    RepositoryNeedsCredentials,
    RepositoryNotFound,
    RepositoryUnreachable,
)
from autodeploy.kernel.git.urls import RemoteUrl

_REDIRECT = re.compile(r"returned error: 30[1278]\b")
_REFUSES = re.compile(
    r"not our ref|does not allow request for|couldn't find remote ref"
    r"|dumb http transport does not support|remote error: filter|no such remote ref"
    r"|Server does not support (?:shallow|--depth)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"could not read (?:Username|Password)|Authentication failed|terminal prompts disabled"
    r"|returned error: 40[13]\b|Permission denied",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"repository [^\n]*not found|returned error: (?:404|410)\b|project you were looking for"
    r"|does not appear to be a git repository|access denied or repository not exported"
    r"|no such repository|not a git repository|info/refs not valid",
    re.IGNORECASE,
)
_NO_SSH = re.compile(r"exec: ssh: not found")
_CERTIFICATE = re.compile(r"certificate|SSL", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def is_redirect(failure: GitFailed) -> bool:
    """Whether the server pointed to another URL."""
    return _REDIRECT.search(failure.stderr) is not None


def refuses_the_request(failure: GitFailed) -> bool:
    """Whether the server has not or gives not what was asked for, in this way of asking."""
    return _REFUSES.search(failure.stderr) is not None


def explain(failure: GitFailed, remote: RemoteUrl) -> GitError:
    """The error that a failed conversation with a server means."""
    stderr = failure.stderr
    for pattern, error in _ERRORS:
        if pattern.search(stderr):
            return error(remote)
    return RepositoryUnreachable(
        f"The git server {remote.host} could not be used: {_last_words(stderr)}",
        field="url",
        remedy="Check the URL, and that this machine reaches the server.",
    )


def _not_found(remote: RemoteUrl) -> GitError:
    return RepositoryNotFound(
        f"{remote.host} has no repository {remote.path!r}.",
        field="url",
        remedy="Check the spelling. A private repository also looks like this from outside.",
    )


def _needs_credentials(remote: RemoteUrl) -> GitError:
    if remote.protocol == "ssh":
        remedy = "Use its https URL, or let the operator set up an ssh key for AutoDeploy."
    else:
        remedy = "Check the spelling; for a private repository, connect a token for this host, or "
        remedy += "run `autodeploy deploy` in a checkout, which uploads the files."
    return RepositoryNeedsCredentials(
        f"{remote.host} asks for credentials: {remote.path!r} is private or does not exist.",
        field="url",
        remedy=remedy,
    )


def _no_such_ref(remote: RemoteUrl) -> GitError:
    return RefNotFound(
        f"{remote.full_name} has no such branch, tag or commit.",
        field="branch",
        remedy="Check the name, and that it was pushed.",
    )


def _no_ssh(remote: RemoteUrl) -> GitError:
    return RepositoryUnreachable(
        "The program ssh is not on this machine.",
        field="url",
        remedy="Use the repository's https URL, or let the operator install an OpenSSH client.",
    )


def _untrusted(remote: RemoteUrl) -> GitError:
    return RepositoryUnreachable(
        f"The certificate of {remote.host} is not trusted.",
        field="url",
        remedy="The operator can name the certificate authority with GIT_SSL_CAINFO.",
    )


_ERRORS: tuple[tuple[re.Pattern[str], Callable[[RemoteUrl], GitError]], ...] = (
    (_NO_SSH, _no_ssh),
    (_REFUSES, _no_such_ref),
    (_NOT_FOUND, _not_found),
    (_CREDENTIALS, _needs_credentials),
    (_CERTIFICATE, _untrusted),
)


def _last_words(stderr: str) -> str:
    lines = [each for each in stderr.splitlines() if each.startswith(("ssh:", "fatal:", "error:"))]
    # ssh says why before git says that it failed
    last = next((each for each in lines if each.startswith("ssh:")), (lines or ["no answer"])[-1])
    return _UNPRINTABLE.sub(" ", last.partition(":")[2] or last).strip()[:300]
