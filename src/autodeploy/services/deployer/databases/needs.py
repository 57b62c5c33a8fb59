"""Whether an app needs a database of its own."""

from typing import Any

from autodeploy.services.analyzer.plan import DATABASE_VARIABLE, Plan, VariableType
from autodeploy.services.deployer.app_environment import MAIN_DATABASE, AppEnvironment


def needs_database(plan: Plan, configuration: dict[str, Any], variables: AppEnvironment) -> bool:
    """Whether a database is to be provided.

    Yes when the request says so, the app has one already, or the value of a variable refers to it;
    else when the code reads a connection string that nobody set, and it is not known to be one of
    another kind of database.
    """
    if configuration.get("database") or configuration.get("provision"):
        return True
    if MAIN_DATABASE in variables.databases:
        return True
    if DATABASE_VARIABLE in variables.values or DATABASE_VARIABLE in variables.unresolved:
        return False
    kinds = {need.kind for need in plan.services if need.variable == DATABASE_VARIABLE}
    if kinds - {"postgresql"}:
        return False
    reads = {
        variable.key
        for variable in plan.environment_variables
        if variable.type is VariableType.DATABASE_CONNECTION
    }
    required = any(
        variable.key == DATABASE_VARIABLE and (variable.required or _wants_postgresql(plan))
        for variable in plan.environment_variables
    )
    return required or (DATABASE_VARIABLE in reads and _wants_postgresql(plan))


def _wants_postgresql(plan: Plan) -> bool:
    return any(service.kind == "postgresql" for service in plan.services)
