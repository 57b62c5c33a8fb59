"""Supabase as a provider of databases, for accounts that people have connected."""

from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.providers.hosted import ConnectedAccount, Owner, TokenAccount
from autodeploy.providers.manifests import Manifest
from autodeploy.providers.supabase.api import SupabaseAccount
from autodeploy.providers.supabase.databases import SupabaseDatabases
from autodeploy.providers.supabase.manifest import MANIFEST
from autodeploy.providers.supabase.rights import missing_rights
from autodeploy.providers.supabase.service import API_URL, service_at
from autodeploy.providers.supabase.shapes import Organization, Profile

# A limit is over after a minute at most, so each call can wait for that.
_PATIENCE = Patience(whole_seconds=75.0)


class SupabaseProvider:
    """The API at ``api_url``, for the whole process. Connections are kept until ``close``."""

    def __init__(
        self,
        *,
        api_url: str = API_URL,
        patience: Patience = _PATIENCE,
        timing: Timing | None = None,
    ):
        self._timing = timing or SystemTiming()
        self._http = HttpClient(service_at(api_url), patience=patience, timing=self._timing)

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    async def check_token(self, token: str) -> TokenAccount:
        """Whose token it is, with the organizations that it can see, and what it lacks of the
        rights to read. One that may not tell the person, as those of OAuth apps, is known by its
        organization.

        Raises ``CredentialRefused``, and ``ProviderRefused`` for one that can tell neither.
        """
        account = SupabaseAccount(self._http.bound(token=token))
        profile = await _read_profile(account)
        try:
            found = await account.organizations()
        except ProviderRefused as refused:
            if profile is None or refused.answered != HTTPStatus.FORBIDDEN:
                raise
            return _token_account(profile, [], missing=("organizations:read",))
        return _token_account(profile, found, await missing_rights(account, found))

    def databases_as(self, account: ConnectedAccount) -> SupabaseDatabases:
        """Raises ``InvalidInput`` for a token that cannot be one."""
        bound = SupabaseAccount(self._http.bound(token=account.token))
        return SupabaseDatabases(bound, account.owner_id, self._timing)

    async def close(self) -> None:
        await self._http.close()


async def _read_profile(account: SupabaseAccount) -> Profile | None:
    try:
        return await account.profile()
    except NotFound:
        return None
    except ProviderRefused as refused:
        if refused.answered != HTTPStatus.FORBIDDEN:
            raise
        return None


def _token_account(
    profile: Profile | None, found: list[Organization], missing: tuple[str, ...] = ()
) -> TokenAccount:
    owners = tuple(Owner(each.slug, each.name) for each in found)
    if profile is not None:
        return TokenAccount(profile.gotrue_id, profile.username, owners, missing)
    if not owners:
        raise _nobody()
    return TokenAccount(owners[0].id, owners[0].name, owners, missing)


def _nobody() -> AutoDeployError:
    return ProviderRefused(
        "Supabase tells neither a person nor an organization of this token.",
        answered=HTTPStatus.OK,
        remedy="Make an organization at supabase.com/dashboard/new, or a token that sees one.",
    )
