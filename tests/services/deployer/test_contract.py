"""What an app's code needs has to be set before anything is built."""

from tests.services.deployer.platform import STATIC, Platform

from autodeploy.services.deployer.deployment_schemas import DeploymentView

NEEDS_AT_START = {
    **STATIC,
    "autodeploy.toml": "build = 'python make.py'\noutput = '.'\n",
    "make.py": "import os\nkey = os.environ['PAYMENT_KEY']\n",
}
NEEDS_LATER = {
    **NEEDS_AT_START,
    "make.py": "import os\ndef pay():\n    return os.environ['PAYMENT_KEY']\n",
}
NEEDS_NOTHING = {**NEEDS_AT_START, "make.py": "print('made')\n"}


def codes(*deployments: DeploymentView) -> list[str | None]:
    return [each.error.code if each.error else None for each in deployments]


async def test_first_deployment_without_what_its_start_needs_stops_before_it_builds(
    platform: Platform,
) -> None:
    project = await platform.project(NEEDS_AT_START)
    failed = await platform.deployed(project, environment="staging")
    assert failed.error is not None
    assert failed.error.code == "variables_missing"
    assert "PAYMENT_KEY (read in make.py:2)" in failed.error.message
    assert failed.error.remedy is not None
    assert (
        "`autodeploy env set PAYMENT_KEY --project shop --environment staging`"
        in failed.error.remedy
    )
    assert "--ignore-missing" in failed.error.remedy
    assert "build" not in platform.provider.calls
    assert [step.status for step in failed.steps] == ["failed", *["skipped"] * 4]


async def test_set_variable_meets_the_contract(platform: Platform) -> None:
    project = await platform.project(NEEDS_AT_START)
    values = {"environmentVariables": {"PAYMENT_KEY": "pk-1"}}
    deployed = await platform.deployed(project, configuration=values)
    assert codes(deployed) == [None]


async def test_deployment_goes_on_without_where_that_is_asked_for_and_so_does_the_next(
    platform: Platform,
) -> None:
    project = await platform.project(NEEDS_AT_START)
    asked = await platform.deployed(project, configuration={"ignoreMissingVariables": True})
    assert codes(asked, await platform.deployed(project)) == [None, None]


async def test_what_is_needed_later_is_a_warning_of_the_first_deployment(
    platform: Platform,
) -> None:
    deployed = await platform.deployed(await platform.project(NEEDS_LATER))
    assert deployed.status == "ready"
    assert "PAYMENT_KEY is read in make.py:3 and not set." in await platform.messages(deployed.id)


async def test_later_deployment_stops_for_what_its_code_newly_needs(platform: Platform) -> None:
    project = await platform.project(NEEDS_NOTHING)
    first = await platform.deployed(project)
    assert project.repository is not None
    await platform.upload(NEEDS_LATER, project.repository.id)
    second = await platform.deployed(project)
    assert codes(first, second) == [None, "variables_missing"]


async def test_variable_that_was_set_before_and_is_removed_stops_the_next_deployment(
    platform: Platform,
) -> None:
    project = await platform.project(NEEDS_LATER)
    values = {"environmentVariables": {"PAYMENT_KEY": "pk-1"}}
    first = await platform.deployed(project, configuration=values)
    await platform.unset(project, "PAYMENT_KEY")
    assert codes(first, await platform.deployed(project)) == [None, "variables_missing"]


async def test_what_the_deployment_before_ran_well_without_is_a_warning(
    platform: Platform,
) -> None:
    project = await platform.project(NEEDS_LATER)
    first = await platform.deployed(project)
    assert project.repository is not None
    await platform.upload(NEEDS_AT_START, project.repository.id)
    assert codes(first, await platform.deployed(project)) == [None, None]


async def test_predecessor_that_another_analyzer_read_says_nothing(platform: Platform) -> None:
    project = await platform.project(NEEDS_NOTHING)
    first = await platform.deployed(project)
    plan = (await platform.row(first.id)).plan
    assert plan is not None
    await platform.set(first.id, plan={**plan, "analyzer_version": "1"})
    assert project.repository is not None
    await platform.upload(NEEDS_AT_START, project.repository.id)
    assert codes(await platform.deployed(project)) == [None]


async def test_variable_that_the_platform_or_a_command_sets_is_not_missing(
    platform: Platform,
) -> None:
    code = NEEDS_AT_START["make.py"] + "commit = os.environ['AUTODEPLOY_COMMIT']\n"
    said = "build = 'PAYMENT_KEY=none python make.py'\noutput = '.'\n"
    files = {**NEEDS_AT_START, "make.py": code, "autodeploy.toml": said}
    assert codes(await platform.deployed(await platform.project(files))) == [None]


async def test_other_environment_is_judged_by_its_own_deployments(platform: Platform) -> None:
    project = await platform.project(NEEDS_AT_START)
    values = {"environmentVariables": {"PAYMENT_KEY": "pk-1"}}
    first = await platform.deployed(project, configuration=values)
    assert codes(first, await platform.deployed(project, environment="staging")) == [
        None,
        "variables_missing",
    ]
