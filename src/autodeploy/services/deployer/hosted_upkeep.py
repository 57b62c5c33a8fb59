"""Live releases at providers elsewhere: how they fare, and what they print.

Nobody tells us of them, so they are asked for: each account within what its provider takes, the
ones that are due for longest first. One that goes on as before is asked for later each time; one
that has changed, or does not run, soon again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.errors import CredentialRefused, RateLimited
from autodeploy.providers.base import RuntimeStatus
from autodeploy.providers.hosted import AccountMissing, HostedDeploys
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.live_state import (
    LiveState,
    RuntimeState,
    record_state,
    state_of,
)
from autodeploy.services.deployer.releases import LiveRelease, list_live
from autodeploy.services.deployer.runtime_output import collect_output

FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 300.0
# An account that was not asked for a while may be asked so much of a minute's looks at once.
_BURST_SHARE = 1 / 6
_ACCOUNTS_AT_ONCE = 8
_LOOK_SECONDS = 30.0
_AWAY_SECONDS = 60.0
# An answer may be missing now and then; after so many in a row nobody knows how the app fares.
_MOST_FAILURES = 3
_REASONS = {"absent": "removed_at_provider", "stopped": "stopped_at_provider"}

_Account = tuple[str, UUID | None]

_log = structlog.get_logger(__name__)


@dataclass
class _Turn:
    """When a release is asked for next. A release that is new to us is due at once."""

    deployment_id: UUID
    due: float
    pause: float = FIRST_PAUSE_SECONDS
    failures: int = 0


@dataclass
class _Budget:
    """The looks that an account may be asked for: ``left`` of them at ``at``, more by the minute;
    none before ``closed_until``."""

    per_minute: int
    at: float
    left: float = 0.0
    closed_until: float = 0.0

    def grant(self, clock: float) -> int:
        """How many looks there are now."""
        earned = (clock - self.at) * self.per_minute / 60
        self.left = min(self.left + earned, max(self.per_minute * _BURST_SHARE, 1.0))
        self.at = clock
        return 0 if clock < self.closed_until else int(self.left)


@dataclass
class HostedUpkeep:
    """The hosted releases of one installation, as one worker looks after them. ``clock`` is in
    seconds from any moment."""

    engine: Engine
    clock: Callable[[], float] = field(default=lambda: asyncio.get_running_loop().time())
    _turns: dict[UUID, _Turn] = field(default_factory=dict)
    _budgets: dict[_Account, _Budget] = field(default_factory=dict)

    async def look(self) -> None:
        """One pass: ask for those that are due, as many as the accounts' budgets allow."""
        is_hosted = self.engine.providers.is_hosted
        live = [each for each in await list_live(self.engine) if is_hosted(each.provider)]
        self._forget_others(live)
        by_account: dict[_Account, list[LiveRelease]] = {}
        for each in live:
            account = (each.provider, each.connection_id)
            by_account.setdefault(account, []).append(each)
        self._budgets = {account: self._budget(account) for account in by_account}
        slots = asyncio.Semaphore(_ACCOUNTS_AT_ONCE)

        async def look_at(account: _Account, releases: Sequence[LiveRelease]) -> None:
            async with slots:
                await self._look_at(account, releases)

        await asyncio.gather(*(look_at(*each) for each in by_account.items()))

    def _forget_others(self, live: Sequence[LiveRelease]) -> None:
        clock, known = self.clock(), self._turns
        self._turns = {}
        for each in live:
            turn = known.get(each.app.environment_id)
            if turn is None or turn.deployment_id != each.deployment_id:
                turn = _Turn(each.deployment_id, clock)
            self._turns[each.app.environment_id] = turn

    def _budget(self, account: _Account) -> _Budget:
        pace = self.engine.providers.pace(account[0])
        return self._budgets.get(account) or _Budget(pace.looks_per_minute, self.clock(), left=1.0)

    async def _look_at(self, account: _Account, releases: Sequence[LiveRelease]) -> None:
        budget, clock = self._budgets[account], self.clock()
        due = [each for each in releases if self._turn(each).due <= clock]
        granted = sorted(due, key=lambda each: self._turn(each).due)[: budget.grant(clock)]
        for each in granted:
            if self.clock() < budget.closed_until:
                return
            budget.left -= 1
            await self._look_at_one(account, budget, each)

    def _turn(self, live: LiveRelease) -> _Turn:
        return self._turns[live.app.environment_id]

    async def _look_at_one(self, account: _Account, budget: _Budget, live: LiveRelease) -> None:
        turn = self._turn(live)
        state: LiveState | None
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                state = await self._ask(account, live)
            turn.failures = 0
        except TimeoutError:
            budget.closed_until = self.clock() + _AWAY_SECONDS
            state = self._doubt(turn, "provider_unavailable")
        except Exception as error:
            if isinstance(error, RateLimited):
                budget.closed_until = self.clock() + error.retry_after_seconds
            code = error.code if isinstance(error, AutoDeployError) else AutoDeployError.code
            lasts = isinstance(error, AccountMissing | CredentialRefused)
            state = self._doubt(turn, code, at_once=lasts)
        before = (live.runtime or {}).get("state")
        is_quiet = state is None or (state.state == before and state.state in _QUIET)
        turn.pause = min(turn.pause * 2, LONGEST_PAUSE_SECONDS) if is_quiet else FIRST_PAUSE_SECONDS
        turn.due = self.clock() + turn.pause
        if state is not None:
            await record_state(
                self.engine.resources.db,
                live.app.environment_id,
                live.deployment_id,
                live.runtime,
                state,
            )

    async def _ask(self, account: _Account, live: LiveRelease) -> LiveState | None:
        """How it fares; None where that was never journaled. Raises what the provider does."""
        if live.release is None:
            return None
        engine, connection_id = self.engine, account[1]
        async with doubting(engine.resources, connection_id):
            connected = await open_account(
                engine.resources, connection_id, providers=engine.providers
            )
            provider = engine.providers.hosted_deploys(live.provider, connected)
            status = await provider.live_status(live.app, live.release)
            if engine.providers.pace(live.provider).keeps_output:
                await self._collect(provider, live)
        return _state_of(status)

    async def _collect(self, provider: HostedDeploys, live: LiveRelease) -> None:
        try:
            await collect_output(self.engine, provider, live)
        except NotFound:
            return  # gone by now; the next look says so

    def _doubt(self, turn: _Turn, code: str, *, at_once: bool = False) -> LiveState | None:
        """Nobody knows how it fares, once that has lasted."""
        turn.failures += 1
        _log.info("hosted.not_told", deployment_id=str(turn.deployment_id), error=code)
        if not at_once and turn.failures < _MOST_FAILURES:
            return None
        return LiveState(RuntimeState.UNKNOWN, reason=code)


#: What may go on for long, and needs no look soon.
_QUIET = (RuntimeState.RUNNING, RuntimeState.STOPPED, RuntimeState.REPLACED, RuntimeState.UNKNOWN)


def _state_of(status: RuntimeStatus) -> LiveState:
    """What a provider elsewhere answers means for people: who stops it there is not the app."""
    state = state_of(status)
    return replace(state, reason=state.reason or _REASONS.get(status.state))
