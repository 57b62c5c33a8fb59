"""Deployments of a project in any order of what can be asked for and can happen, beside a model.

``test_races.py`` does the same things at once.
"""

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.conftest import make_resources
from tests.services.auth.accounts import principal
from tests.services.deployer.lifecycle import check
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import Crash, crash_once, fail_with

from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.errors import DeploymentEnded, NotRollbackable
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.states import DeploymentStatus

EXAMPLES, STEPS = 4, 20
_ENVIRONMENTS = ("production", "production", "staging")
#: What is done, and how often beside the others.
_ACTIONS = {"deploy": 4, "well": 5, "badly": 2, "killed": 3, "stop": 2, "roll_back": 3, "cancel": 1,
            "run_out_of_turn": 2}  # fmt: skip
_Answer = TypeVar("_Answer")


@dataclass
class Expected:
    """``stopping``: its worker died, and then somebody cancelled it."""

    environment: str
    status: str = "queued"
    stopping: bool = False


class Lifecycle(RuleBasedStateMachine):
    """``loop`` and ``platform`` are those of the whole test, the project is one of its own."""

    def __init__(self, loop: asyncio.Runner, platform: Platform, project: ProjectView):
        super().__init__()
        self.loop, self.platform, self.project = loop, platform, project
        self.model: dict[UUID, Expected] = {}
        self.live: dict[str, UUID] = {}

    def do(self, work: "Awaitable[_Answer]") -> _Answer:
        async def it() -> _Answer:
            return await work

        return self.loop.run(it())

    # One rule: of several, hypothesis leaves most out of an example, and repeats the rest.
    @rule(number=st.integers(0, 2**32 - 1))
    def do_something(self, number: int) -> None:
        choice = random.Random(number)
        environment = choice.choice(_ENVIRONMENTS)
        [action] = choice.choices(list(_ACTIONS), _ACTIONS.values())
        under_way = self._open(environment)[:1]
        if action == "deploy" or not self.model:
            self.deploy(environment)
        elif action in ("well", "badly", "killed"):
            for deployment in under_way:
                self.run_to(deployment, action)
        elif action == "stop":
            for deployment in under_way:
                self.cancel(deployment)
        else:
            getattr(self, action)(choice.choice(list(self.model)))

    def deploy(self, environment: str) -> None:
        view = self.do(self.platform.deploy(self.project, environment=environment, build="always"))
        self._queued(view.id, environment)

    def roll_back(self, source: UUID) -> None:
        platform, expected = self.platform, self.model[source]
        rolling = deployments.roll_back(platform.resources, platform.principal, source)
        if expected.status != "ready":
            with pytest.raises(NotRollbackable):
                self.do(rolling)
        else:
            self._queued(self.do(rolling).id, expected.environment)

    def _queued(self, deployment_id: UUID, environment: str) -> None:
        for each in self.model.values():
            if each.environment == environment and each.status == "queued":
                each.status = "cancelled"
        self.model[deployment_id] = Expected(environment)

    def cancel(self, deployment: UUID) -> None:
        expected = self.model[deployment]
        platform = self.platform
        cancelling = deployments.cancel_deployment(
            platform.resources, platform.principal, deployment
        )
        if expected.status in ("ready", "error"):
            with pytest.raises(DeploymentEnded):
                self.do(cancelling)
            return
        self.do(cancelling)
        if expected.status == "queued":
            expected.status = "cancelled"
        expected.stopping = expected.status == "deploying"

    def run_out_of_turn(self, deployment: UUID) -> None:
        """The queue names one that has ended, or waits for another: nothing happens."""
        if deployment not in self._open(self.model[deployment].environment)[:1]:
            self.do(self.platform.runner.run(deployment))

    def run_to(self, deployment: UUID, outcome: str) -> None:
        """A worker gets the deployment, whose turn it is."""
        expected = self.model[deployment]
        provider = self.platform.provider
        if expected.status == "deploying":
            self.do(self.platform.expire_lease(deployment))
        if expected.stopping:
            outcome, expected.status = "stopped", "cancelled"
        provider.at, provider.after = {}, {}
        if outcome == "badly":
            provider.at["deploy"] = fail_with(DeploymentFailed("no"))
            # Whose release was made before its worker died goes on behind that.
            outcome = "well" if expected.status == "deploying" else outcome
        if outcome == "killed":
            if expected.status == "deploying":
                provider.at["status"] = crash_once()
            provider.after["deploy"] = crash_once()
            with pytest.raises(Crash):
                self.do(self.platform.runner.run(deployment))
            expected.status = "deploying"
            return
        provider.at = {} if outcome == "well" else provider.at
        self.do(self.platform.runner.run(deployment))
        if outcome == "well":
            expected.status = "ready"
            self.live[expected.environment] = deployment
        elif outcome == "badly":
            expected.status = "error"

    def _open(self, environment: str) -> list[UUID]:
        """Those that have not ended, the one whose turn it is first."""
        found = [key for key, each in self.model.items() if each.environment == environment]
        return [
            key
            for status in ("deploying", "queued")
            for key in found
            if self.model[key].status == status
        ]

    @invariant()
    def is_as_expected(self) -> None:
        statuses = self.do(check(self.platform, self.project.id))
        assert statuses == {key: DeploymentStatus(each.status) for key, each in self.model.items()}

    @invariant()
    def traffic_is_of_the_last_that_went_well(self) -> None:
        async def live() -> dict[str, UUID | None]:
            found = await self.platform.environments(self.project)
            return {each.name: each.live_deployment_id for each in found}

        known = {name: found for name, found in self.do(live()).items() if found is not None}
        assert known == self.live


def test_deployments_are_what_the_model_says_in_any_order(
    database_url: str, redis_url: str, home: Path
) -> None:
    with asyncio.Runner() as loop:
        machines = Machines(loop, database_url, redis_url, home)
        try:
            run_state_machine_as_test(  # type: ignore[no-untyped-call]
                machines.make,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=(Phase.generate,),
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            machines.close()
        assert machines.made >= EXAMPLES


class Machines:
    """Makes a project an example, on one platform."""

    def __init__(self, loop: asyncio.Runner, database_url: str, redis_url: str, home: Path):
        self._loop = loop
        self.made = 0
        self._database = Database(database_url, role="autodeploy_worker")
        self._opened = make_resources(self._database, redis_url, home)
        self._platform = loop.run(self._open())

    async def _open(self) -> Platform:
        resources = await self._opened.__aenter__()
        return Platform(resources, await principal(resources))

    def make(self) -> Lifecycle:
        self.made += 1
        project = self._loop.run(self._platform.project(name=f"shop {self.made}"))
        return Lifecycle(self._loop, self._platform, project)

    def close(self) -> None:
        async def close() -> None:
            await self._opened.__aexit__(None, None, None)
            await self._database.close()

        self._loop.run(close())
