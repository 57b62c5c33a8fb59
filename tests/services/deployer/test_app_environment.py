"""The variables that builds and apps get: references resolved, each where it is meant for."""

from tests.services.deployer.platform import STATIC, Platform

from autodeploy.services.deployer import variables
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.upkeep import Upkeep
from autodeploy.services.deployer.variable_schemas import VariableScope, VariablesInput

BUILT = STATIC | {
    "autodeploy.toml": "build = 'python make.py'\noutput = '.'\n",
    "make.py": "print('made')\n",
}


async def put(
    platform: Platform, project: ProjectView, scope: VariableScope | None = None, **values: str
) -> None:
    body = VariablesInput(values=values, scope=scope)
    await variables.set_variables(platform.resources, platform.principal, project.id, body)


async def test_references_are_resolved_for_build_and_app(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, A="1", B="${{ A }}2", C="$${{ A }}")
    assert (await platform.deployed(project)).status == "ready"
    for place in ("build", "run"):
        got = platform.provider.environments[place]
        assert (got["A"], got["B"], got["C"]) == ("1", "12", "${{ A }}")


async def test_value_for_one_place_never_reaches_the_other(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, VariableScope.BUILD, FOR_BUILD="1")
    await put(platform, project, VariableScope.RUNTIME, FOR_APP="1")
    await put(platform, project, EVERYWHERE="1")
    deployed = await platform.deployed(project)
    assert deployed.error is None
    build, run = (platform.provider.environments[place] for place in ("build", "run"))
    names = {"FOR_BUILD", "FOR_APP", "EVERYWHERE"}
    assert names & build.keys() == {"FOR_BUILD", "EVERYWHERE"}
    assert names & run.keys() == {"FOR_APP", "EVERYWHERE"}


async def test_change_of_what_a_build_does_not_get_builds_nothing(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, VariableScope.RUNTIME, FOR_APP="1")
    await platform.deployed(project)
    await put(platform, project, FOR_APP="2")
    await platform.deployed(project)
    assert platform.provider.calls["build"] == 1
    await put(platform, project, VariableScope.BUILD, FOR_BUILD="1")
    await platform.deployed(project)
    assert platform.provider.calls["build"] == 2


async def test_change_of_what_a_value_refers_to_builds_again(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, VariableScope.BOTH, BASE="1")
    await put(platform, project, VariableScope.BUILD, FOR_BUILD="${{ BASE }}")
    await platform.deployed(project)
    await put(platform, project, BASE="2")
    await platform.deployed(project)
    assert platform.provider.calls["build"] == 2
    assert platform.provider.environments["build"]["FOR_BUILD"] == "2"


async def test_reference_that_leads_nowhere_stops_before_the_build(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, A="${{ GONE }}")
    failed = await platform.deployed(project)
    assert failed.error is not None
    assert failed.error.code == "reference_unresolved"
    assert failed.error.message == "A: it refers to GONE, which is not set in production."
    assert "build" not in platform.provider.calls


async def test_reference_to_a_database_has_one_made(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, STORE="${{ databases.main.url }}", DB="${{ databases.main.name }}")
    deployed = await platform.deployed(project)
    assert deployed.error is None
    got = platform.provider.environments["run"]
    assert got["STORE"] == got["DATABASE_URL"]
    assert got["DB"]
    assert got["STORE"].endswith(f"/{got['DB']}")


async def test_reference_to_a_project_is_its_address_in_the_same_environment(
    platform: Platform,
) -> None:
    api = await platform.project(name="backend")
    project = await platform.project(BUILT)
    await put(platform, project, API="${{ projects.backend.url }}/v1")
    before = await platform.deployed(project)
    assert before.error is not None
    assert "the project backend" in before.error.message
    live = await platform.deployed(api)
    assert (await platform.deployed(project)).error is None
    assert platform.provider.environments["run"]["API"] == f"{live.url}/v1"


async def test_resolved_secret_is_kept_out_of_logs(platform: Platform) -> None:
    project = await platform.project(BUILT)
    await put(platform, project, PART_TOKEN="hunter22", WHOLE="<${{ PART_TOKEN }}>")
    context = await platform.context(await platform.deploy(project))
    assert "hunter22" not in context.variables.redactor().line("printed <hunter22> and hunter22")


async def test_deployment_says_with_which_version_it_runs(platform: Platform) -> None:
    project = await platform.project(BUILT)
    first = await platform.deployed(project)
    await put(platform, project, A="1")
    second = await platform.deployed(project)
    assert [first.variables_version, second.variables_version] == [0, 1]
    await put(platform, project, A="2")
    assert (await platform.view(second.id)).variables_version == 1
    (platform.provider.machine / "releases" / str(second.id)).unlink()  # the machine restarted
    await Upkeep(platform.engine).keep_live()
    assert (await platform.view(second.id)).variables_version == 2
