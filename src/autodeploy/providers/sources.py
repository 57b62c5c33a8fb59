"""Providers that hold the sources of repositories, for an account that somebody has connected."""

from typing import Protocol, runtime_checkable

from autodeploy.kernel.git.urls import RemoteUrl
from autodeploy.providers.base import Provider
from autodeploy.providers.github.api import GitHubAccount
from autodeploy.providers.github.app import ProvenRepository
from autodeploy.providers.github.installations import InstallationCredential
from autodeploy.providers.hosted import ConnectedAccount


@runtime_checkable
class SourceHosting(Provider, Protocol):
    """Hosts repositories. GitHub is the one there is, so what it answers is GitHub's.

    ``is_public`` is whether it is on the internet alone, so that it calls addresses there alone: a
    server of one's own may be in the same network as this platform.
    """

    is_public: bool

    def sources_as(self, account: ConnectedAccount) -> GitHubAccount:
        """The provider acting for this account. Cheap: made for each use."""
        ...

    def has_app(self) -> bool:
        """Whether the platform has an app there, which acts for no person."""
        ...

    def installed(self, proven: ProvenRepository) -> InstallationCredential | None:
        """What lets the app act for a repository; None where it does not."""
        ...

    def sources_by(self, credential: InstallationCredential) -> GitHubAccount:
        """The provider acting by an installation of the app. Cheap: made for each use."""
        ...

    def name_in(self, url: RemoteUrl) -> str | None:
        """``owner/name`` where the URL names a repository here, by whichever protocol."""
        ...

    def url_of(self, full_name: str) -> str:
        """Where people and git find the repository."""
        ...
