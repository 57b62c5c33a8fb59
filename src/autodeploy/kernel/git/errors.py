"""What can go wrong with a remote repository, each with what to do next."""

from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.addresses import AddressRefused

__all__ = [
    "AddressRefused",
    "GitError",
    "RefNotFound",
    "RepositoryEmpty",
    "RepositoryNeedsCredentials",
    "RepositoryNotFound",
    "RepositoryTooLarge",
    "RepositoryUnreachable",
]


class GitError(AutoDeployError):
    """Base of the errors of remote repositories."""

    code = "git_error"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class RepositoryNotFound(GitError):
    """The server answers and has no such repository."""

    code = "repository_not_found"


class RefNotFound(GitError):
    """The repository has no such branch, tag or commit."""

    code = "ref_not_found"


class RepositoryEmpty(GitError):
    """The repository exists and has no commit."""

    code = "repository_empty"


class RepositoryNeedsCredentials(GitError):
    """The server asks for a user name, a password or a key."""

    code = "repository_needs_credentials"


class RepositoryTooLarge(GitError):
    """The repository is over a size limit."""

    code = "repository_too_large"
    usual_remedy = (
        "Take out what is large and can be fetched later, or deploy a smaller repository."
    )


class RepositoryUnreachable(GitError):
    """The server does not answer, not in time, or not as a git server does."""

    code = "repository_unreachable"
    retryable = True
