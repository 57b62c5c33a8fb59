"""Render, once for the process: its connections, and what acts for an account."""

from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.limits import RENDER
from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.providers.hosted import ConnectedAccount, HostedDeploys, Owner, Pace, TokenAccount
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import FREE, HOME_REGION, MANIFEST
from autodeploy.providers.render.databases import RenderDatabases
from autodeploy.providers.render.holdings import RenderHoldings
from autodeploy.providers.render.hosting import RenderDeploys

API_URL = "https://api.render.com/v1"


class RenderProvider:
    """Render at ``api_url``.

    Args:
        plan: of web services that are made, where a request names none; background workers have
            no free one, and get the least that is paid.
        region: of what is made, where a request names none.
    """

    manifest = MANIFEST
    #: Render takes 400 reads a minute of an account; a look is up to three, and deployments and
    #: databases need the others.
    pace = Pace(looks_per_minute=50, keeps_output=True)

    def __init__(
        self,
        *,
        api_url: str = API_URL,
        plan: str = FREE,
        region: str = HOME_REGION,
        patience: Patience | None = None,
        timing: Timing | None = None,
    ):
        service = Service(name="Render", base_url=api_url, limits=RENDER)
        self._timing = timing or SystemTiming()
        self._http = HttpClient(service, patience=patience, timing=self._timing)
        self._plan = plan
        self._region = region

    async def check_token(self, token: str) -> TokenAccount:
        """Whose API key it is. Keys have no scopes: they reach all that their user does."""
        api = self._api(token)
        user = await api.user()
        owners = tuple(Owner(each.id, each.name or each.id) for each in await api.owners())
        return TokenAccount(id=user.email, name=user.name or user.email, owners=owners)

    def deploys_as(self, account: ConnectedAccount) -> HostedDeploys:
        return RenderDeploys(
            self._api(account.token),
            owner_id=account.owner_id,
            plan=self._plan,
            region=self._region,
            timing=self._timing,
        )

    def databases_as(self, account: ConnectedAccount) -> RenderDatabases:
        return RenderDatabases(
            self._api(account.token),
            owner_id=account.owner_id,
            region=self._region,
            timing=self._timing,
        )

    def resources_as(self, account: ConnectedAccount) -> RenderHoldings:
        return RenderHoldings(self._api(account.token), account.owner_id)

    async def close(self) -> None:
        await self._http.close()

    def _api(self, token: str) -> RenderApi:
        return RenderApi(self._http.bound(token=token))
