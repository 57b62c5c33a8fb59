"""GitHub as a provider: where the sources of repositories are, for accounts that are connected."""

from autodeploy.kernel.git.urls import RemoteUrl, parse_url
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.providers.github.api import GitHubAccount, GitHubApi
from autodeploy.providers.github.app import AppKey, ProvenRepository
from autodeploy.providers.github.installations import InstallationCredential, Installations
from autodeploy.providers.github.service import API_URL, WEB_URL
from autodeploy.providers.hosted import ConnectedAccount, TokenAccount
from autodeploy.providers.manifests import Capability, Manifest

MANIFEST = Manifest(
    name="github",
    title="GitHub",
    capabilities=frozenset({Capability.SOURCE, Capability.CONNECT}),
    regions=(),
    pricing=(),
)

# What a classic token needs, and the scopes that hold each (docs.github.com, "Scopes for OAuth
# apps", 2026-11): an answer names the widest of them alone.
_NEEDED = {
    "repo": {"repo"},
    # It holds the hooks of its repositories, too.
    "admin:repo_hook": {"admin:repo_hook", "repo"},
    "read:org": {"read:org", "write:org", "admin:org"},
}
# Tokens whose rights show with each repository (docs.github.com, "Token formats", 2026-11).
_WITHOUT_SCOPES = ("github_pat_", "ghu_", "ghs_")


class GitHubProvider:
    """The API at ``api_url`` and the pages at ``web_url``: GitHub's, or an Enterprise Server's.

    One for the process: it keeps the connections. ``allow_private_addresses`` as ``GitHubApi``;
    ``app`` is the platform's GitHub App, where the operator has made one.
    """

    manifest = MANIFEST

    def __init__(
        self,
        *,
        api_url: str = API_URL,
        web_url: str = WEB_URL,
        allow_private_addresses: bool = False,
        app: AppKey | None = None,
        patience: Patience | None = None,
        timing: Timing | None = None,
    ):
        self.is_public = api_url.rstrip("/") == API_URL
        self._web_url = web_url
        self._host = parse_url(f"{web_url}/owner/name", allow_http=True).host
        self._api = GitHubApi(
            api_url=api_url,
            web_url=web_url,
            allow_private_addresses=allow_private_addresses,
            patience=patience,
            timing=timing,
        )
        self._installations = (
            None if app is None else Installations(self._api.http, app, timing or SystemTiming())
        )

    async def check_token(self, token: str) -> TokenAccount:
        """Whose token it is, and the scopes that a classic one lacks. Raises
        ``CredentialRefused``, and ``InvalidInput`` when it cannot be one."""
        check = await self._api.account(token).check()
        missing: tuple[str, ...] = ()
        if check.scopes is not None and not token.startswith(_WITHOUT_SCOPES):
            missing = tuple(each for each, by in _NEEDED.items() if not by & check.scopes)
        return TokenAccount(str(check.user.id), check.user.login, (), missing)

    def sources_as(self, account: ConnectedAccount) -> GitHubAccount:
        """GitHub acting for an account. Cheap: made for each use."""
        return self._api.account(account.token)

    def has_app(self) -> bool:
        """Whether the operator has set up a GitHub App."""
        return self._installations is not None

    def installed(self, proven: ProvenRepository) -> InstallationCredential | None:
        """What lets the app act for a repository; None where it does not: there is no app, or less
        was proven than it would give."""
        return None if self._installations is None else self._installations.credential(proven)

    def sources_by(self, credential: InstallationCredential) -> GitHubAccount:
        """GitHub acting by an installation. Cheap: made for each use."""
        return self._api.acting(credential)

    def name_in(self, url: RemoteUrl) -> str | None:
        """``owner/name`` where the URL names a repository here, by whichever protocol."""
        parts = url.path.removesuffix("/").removesuffix(".git").split("/")
        if url.host.casefold() != self._host.casefold() or len(parts) != 2 or not all(parts):
            return None
        return "/".join(parts)

    def url_of(self, full_name: str) -> str:
        """Where people and git find the repository."""
        return f"{self._web_url}/{full_name}"

    async def close(self) -> None:
        await self._api.close()
