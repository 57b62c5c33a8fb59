"""Each effect of a deployment outside of its process has a fault point, which chaos can strike."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator

from tests.architecture.source import SOURCE, called_name, import_everything
from tests.chaos.plan import (
    HOSTED_PLACES,
    HOSTED_REACH,
    OUT_OF_REACH,
    PLACES,
    REACH,
    hosted_plan_of,
    plan_of,
)

from autodeploy.kernel import faults
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.queue import Queues
from autodeploy.providers.base import DeployProvider
from autodeploy.providers.databases import BackedUpDatabases, DatabaseProvider, RotatedDatabases
from autodeploy.providers.domains import DomainProvider
from autodeploy.providers.local.agent.api import AgentApi
from autodeploy.providers.local.agent.database_api import DatabaseApi
from autodeploy.providers.resources import ListedResources
from autodeploy.providers.scaling import ScaledApps

#: What changes nothing. Everything else that these can do has a fault point.
READS = {
    DeployProvider: {"status", "runtime_lines", "has_build"},
    DatabaseProvider: set(),
    RotatedDatabases: set(),
    BackedUpDatabases: {"restored_by"},
    ListedResources: set(),
    ScaledApps: set(),
    DomainProvider: set(),
    ObjectStore: {"get_bytes", "get_file", "stream", "exists"},
    Queues: {"close"},
    EventBus: {"subscribe", "close"},
}
#: Calls that leave something on the machine, or take it away.
EFFECTS = {"rmtree", "mkdir", "mkdtemp", "touch", "unlink", "rename", "move", "write_text",
           "write_bytes", "copytree", "create_subprocess_exec", "spawn"}  # fmt: skip


def _effects(of: type) -> set[str]:
    """The coroutine functions of a class that change something."""
    named = inspect.getmembers(of, inspect.iscoroutinefunction)
    return {name for name, _ in named if not name.startswith("_")} - READS[of]


def _providers() -> Iterator[type]:
    """Every class among the providers that can do what one of the capabilities asks for."""
    import_everything()
    for module in [one for name, one in sys.modules.items() if name.startswith("autodeploy.prov")]:
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and hasattr(kind, "manifest"):
                yield kind


def _lacking(kind: type, names: set[str]) -> set[str]:
    places = set(faults.POINTS.values())
    functions = {name: getattr(kind, name) for name in names}
    return {
        name
        for name, function in functions.items()
        if f"{function.__module__}.{function.__qualname__}" not in places
    }


def test_each_call_of_a_provider_that_changes_something_has_a_fault_point() -> None:
    capabilities = (
        DeployProvider, DatabaseProvider, RotatedDatabases, BackedUpDatabases, ListedResources,
        ScaledApps, DomainProvider,
    )  # fmt: skip
    found = [kind for kind in _providers() if kind not in capabilities]
    able = 0
    for kind in found:
        for capability in capabilities:
            effects = _effects(capability)
            if getattr(kind, "_is_protocol", False) or not all(hasattr(kind, e) for e in effects):
                continue
            able += 1
            assert _lacking(kind, effects) == set(), f"of {kind.__name__}"
    assert able >= len(capabilities)


def test_each_request_of_the_agent_that_changes_something_has_a_fault_point() -> None:
    databases = DatabaseApi(None, None)  # type: ignore[arg-type]
    api = AgentApi(None, None, None, None, databases)  # type: ignore[arg-type]
    changing = [
        route.endpoint
        for route in api.application(None).routes  # type: ignore[arg-type]
        if route.methods - {"GET", "HEAD"}  # type: ignore[attr-defined]
    ]
    assert len(changing) > 10
    for endpoint in changing:
        assert _lacking(type(endpoint.__self__), {endpoint.__name__}) == set()


def test_each_change_of_objects_jobs_and_messages_has_a_fault_point() -> None:
    for kind in (ObjectStore, Queues, EventBus):
        assert _effects(kind)
        assert _lacking(kind, _effects(kind)) == set(), f"of {kind.__name__}"


def test_each_file_or_process_of_the_engine_is_behind_a_fault_point() -> None:
    import_everything()
    places = set(faults.POINTS.values())
    bare = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {function.name}"
        for path in sorted((SOURCE / "services/deployer").glob("*.py"))
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        and f"autodeploy.services.deployer.{path.stem}.{function.name}" not in places
        for node in ast.walk(function)
        if _names_effect(node)
    ]
    assert bare == []


def _names_effect(node: ast.AST) -> bool:
    """A call of one, or one that is handed to a thread."""
    if isinstance(node, ast.Attribute):
        return node.attr in EFFECTS
    return isinstance(node, ast.Call) and called_name(node) in EFFECTS


def test_each_fault_point_is_struck_by_some_seed_or_says_why_not() -> None:
    import_everything()
    told = [*REACH, *HOSTED_REACH, *OUT_OF_REACH]
    assert sorted(told) == sorted(faults.POINTS)
    for plans, places in ((plan_of, PLACES), (hosted_plan_of, HOSTED_PLACES)):
        struck = {(plan.point, plan.moment) for plan in map(plans, range(len(places)))}
        assert struck == set(places)


def test_fault_points_are_functions_as_they_are_unless_a_socket_is_named() -> None:
    assert not hasattr(ObjectStore.delete, "__wrapped__")
    program = (
        "from autodeploy.kernel.objects import ObjectStore;"
        "print(hasattr(ObjectStore.delete, '__wrapped__'))"
    )
    for environment, expected in (({}, "False"), ({"AUTODEPLOY_FAULT_SOCKET": "/nowhere"}, "True")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": str(SOURCE.parent), **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
