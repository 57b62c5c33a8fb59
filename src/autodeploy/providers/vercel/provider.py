"""Vercel: hosts apps for accounts that people have connected.

The calls are those of vercel.com/docs/rest-api (the description of its SDK 1.28.35, 2026). Vercel
has no idempotency keys: projects are found by their names, deployments by ours in their ``meta``.
"""

from contextlib import suppress

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.limits import VERCEL
from autodeploy.kernel.http.pages import PagesWithoutEnd, by_timestamp, pages
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.providers.hosted import ConnectedAccount, Owner, Pace, TokenAccount
from autodeploy.providers.manifests import Manifest
from autodeploy.providers.vercel.catalog import MANIFEST
from autodeploy.providers.vercel.deployer import VercelDeployer
from autodeploy.providers.vercel.holdings import VercelHoldings
from autodeploy.providers.vercel.oauth import API_URL
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import Teams, UserAnswer

_LIMIT_BYTES = 4 * 1024 * 1024


class VercelProvider:
    """One for the process: it keeps the connections to ``api_url``."""

    def __init__(
        self,
        *,
        api_url: str = API_URL,
        patience: Patience | None = None,
        timing: Timing | None = None,
    ):
        service = Service(name=MANIFEST.title, base_url=api_url, limits=VERCEL)
        self._timing = timing or SystemTiming()
        self._http = HttpClient(service, patience=patience, timing=self._timing)

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    @property
    def pace(self) -> Pace:
        """Vercel names no number for reads; a look is two. It tells what apps print only while
        somebody listens."""
        return Pace(looks_per_minute=60, keeps_output=False)

    async def check_token(self, token: str) -> TokenAccount:
        """Whose token it is, and the teams that it may act for. Raises ``CredentialRefused``."""
        http = self._http.bound(token=token)
        answer = expect(await http.send(Call("GET", "/v2/user")))
        user = answer.read(UserAnswer).user
        return TokenAccount(user.id, user.username, await _teams_of(http))

    def deploys_as(self, account: ConnectedAccount) -> VercelDeployer:
        """Vercel acting for an account, and for its team where it has one."""
        query = {"teamId": account.owner_id} if account.owner_id else None
        return VercelDeployer(
            self._http.bound(token=account.token, query=query),
            self._http.bound(token=account.token),
            self._timing,
        )

    def resources_as(self, account: ConnectedAccount) -> VercelHoldings:
        query = {"teamId": account.owner_id} if account.owner_id else None
        return VercelHoldings(self._http.bound(token=account.token, query=query))

    async def close(self) -> None:
        await self._http.close()


async def _teams_of(http: HttpClient) -> tuple[Owner, ...]:
    """Those that the account may act for. Where the list has no end, those that were read: one of
    them is chosen by a person, who sees which are missing."""
    call = Call("GET", "/v2/teams", query={"limit": "100"}, limit_bytes=_LIMIT_BYTES)
    found: dict[str, Owner] = {}
    with suppress(PagesWithoutEnd):
        async for page in pages(http, call, by_timestamp("until")):
            for team in expect(page).read(Teams).teams:
                if not team.limited:
                    found[team.id] = Owner(team.id, team.name or team.slug)
    return tuple(found.values())
