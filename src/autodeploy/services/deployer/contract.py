"""The contract of an app with its environment: what its code cannot do without has to be set.

It is looked at before anything is built. What an app is known to run well without, since the
deployment before did, is a warning and never an end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.services.analyzer.plan import EnvironmentVariable, Needed, Plan
from autodeploy.services.deployer.app_environment import looks_secret
from autodeploy.services.deployer.context import StepContext
from autodeploy.services.deployer.models import Deployment, DeploymentStep
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.states import DeploymentStatus, StepName

_MOST_NAMED = 20


class VariablesMissing(DeploymentFailed):
    """The code needs variables that are not set."""

    code = "variables_missing"


@dataclass(frozen=True)
class Predecessor:
    """The last deployment of the environment that became ready: what it read, and what of that
    was not set."""

    plan: Plan
    lacked: frozenset[str]


def list_missing(plan: Plan, provided: frozenset[str]) -> list[EnvironmentVariable]:
    """The variables that have to be set and are not, neither by a command of the plan itself."""
    commands = [
        one.command
        for one in (plan.build_command, plan.release_command, plan.start_command)
        if one is not None
    ]
    return [
        variable
        for variable in plan.environment_variables
        if variable.required
        and variable.default is None
        and variable.key not in provided
        and not any(f"{variable.key}=" in command for command in commands)
    ]


def list_unmet(
    plan: Plan, missing: Sequence[EnvironmentVariable], before: Predecessor | None
) -> list[EnvironmentVariable]:
    """Those of the missing variables without which the deployment would fail.

    Of a first deployment they are those that are needed at its start. Of a later one they are
    those that the deployment before did not do without; it says nothing when it was read by
    another version of the analyzer.
    """
    if before is None:
        return [variable for variable in missing if variable.needed is Needed.AT_START]
    if before.plan.analyzer_version != plan.analyzer_version:
        return []
    return [
        variable
        for variable in missing
        if variable.needed is not None and variable.key not in before.lacked
    ]


async def require_met(context: StepContext, missing: Sequence[EnvironmentVariable]) -> None:
    """Raise ``VariablesMissing`` when the deployment would fail for want of one of them."""
    if not missing or context.deployment.configuration.get("ignore_missing_variables"):
        return
    unmet = list_unmet(context.plan, missing, await _find_predecessor(context))
    if unmet:
        raise _explained(context, unmet)


async def _find_predecessor(context: StepContext) -> Predecessor | None:
    deployment = context.deployment
    async with context.engine.resources.db.transaction() as session:
        row = (
            await session.execute(
                select(Deployment.plan, DeploymentStep.resources)
                .join(DeploymentStep, DeploymentStep.deployment_id == Deployment.id)
                .where(
                    Deployment.project_id == deployment.project_id,
                    Deployment.environment == deployment.environment,
                    Deployment.status == DeploymentStatus.READY,
                    Deployment.kind == "deploy",
                    DeploymentStep.name == StepName.ANALYZE_REPOSITORY,
                )
                .order_by(Deployment.created_at.desc())
                .limit(1)
            )
        ).first()
    if row is None:
        return None
    return Predecessor(Plan.model_validate(row.plan), frozenset(row.resources.get("missing", ())))


def _explained(context: StepContext, unmet: Sequence[EnvironmentVariable]) -> VariablesMissing:
    shown = unmet[:_MOST_NAMED]
    places = [f"{one.key} (read in {one.file}:{one.line})" for one in shown]
    more = f" and {len(unmet) - len(shown)} more" if len(unmet) > len(shown) else ""
    environment = context.deployment.environment
    # A secret's value is asked for, so that it is in no history of a shell.
    arguments = [one.key if _is_secret(one) else f"{one.key}=…" for one in shown]
    where = "" if environment == PRODUCTION else f" --environment {environment}"
    command = f"autodeploy env set {' '.join(arguments)} --project {context.project.slug}{where}"
    return VariablesMissing(
        f"The code needs what is not set in {environment}: {', '.join(places)}{more}. "
        "Nothing was built.",
        remedy=f"Run `{command}` and deploy again. If the app does without, deploy with "
        "`--ignore-missing` (`configuration.ignoreMissingVariables` of the API).",
    )


def _is_secret(variable: EnvironmentVariable) -> bool:
    return variable.secret or looks_secret(variable.key, "")
