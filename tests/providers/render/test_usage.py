"""What things at Render are charged for as they are there now, and what services have sent."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.providers.render.conftest import (
    APP,
    SERVER,
    SITE,
    build_request,
    database_request,
    release_request,
)

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.base import BuildSpec, Cron
from autodeploy.providers.hosted import HostedDeploys
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.usage import Charge

pytestmark = [pytest.mark.contract(provider="render"), pytest.mark.usefixtures("described")]


async def _ship(apps: HostedDeploys, log, spec: BuildSpec = SERVER, plan: str = "starter") -> None:
    artifact = await apps.build(build_request(spec=spec, plan=plan), log)
    await apps.deploy(release_request(artifact.key, spec=spec), log)


def _main(charges: tuple[Charge, ...]) -> Charge:
    return next(each for each in charges if each.what.startswith(("service", "static")))


async def test_a_plan_that_was_changed_in_the_dashboard_is_told(apps, log, render):
    await _ship(apps, log)
    assert _main(await apps.app_charges(APP)) == Charge(
        what=f"service {render.service.name}", plan="starter", priced_as="service"
    )
    render.service.sent["serviceDetails"]["plan"] = "standard"
    render.service.instances = 3
    found = _main(await apps.app_charges(APP))
    assert (found.plan, found.quantity, found.priced_as) == ("standard", 3, "service")


async def test_what_runs_beside_an_app_is_charged_too_and_a_cron_by_use(apps, log, render):
    spec = replace(
        SERVER, workers={"mail": "node mail.js"}, crons={"tidy": Cron("0 3 * * *", "node t.js")}
    )
    await _ship(apps, log, spec)
    render.beside("mail").sent["serviceDetails"]["plan"] = "pro"
    found = {each.what.split()[0]: each for each in await apps.app_charges(APP)}
    worker, cron = found["worker"], found["cron"]
    assert found.keys() == {"service", "worker", "cron"}
    assert (worker.plan, worker.priced_as, worker.by_use) == ("pro", "worker", False)
    assert (cron.priced_as, cron.by_use) == (None, True)


async def test_files_have_a_plan_of_their_own(apps, log):
    artifact = await apps.build(build_request(spec=SITE), log)
    await apps.deploy(release_request(artifact.key, spec=SITE), log)
    [found] = await apps.app_charges(APP)
    assert (found.plan, found.quantity, found.priced_as) == ("free", 1, "static")


@pytest.mark.parametrize("change", ["suspended", "scaled"])
async def test_a_price_that_nobody_can_know_is_not_told(apps, log, render, change):
    await _ship(apps, log)
    if change == "suspended":
        render.service.suspended = True
    else:
        criteria = {"cpu": {"enabled": True, "percentage": 60},
                    "memory": {"enabled": False, "percentage": 60}}  # fmt: skip
        render.service.scaling = {
            "autoscaling": {"enabled": True, "min": 1, "max": 5, "criteria": criteria}
        }
    [found] = await apps.app_charges(APP)
    assert (found.priced_as, found.monthly_cents, found.by_use) == (None, None, False)
    assert found.note


async def test_an_app_that_is_not_there_is_said_to_be_so(apps):
    with pytest.raises(NotFound, match="no service"):
        await apps.app_charges(APP)
    with pytest.raises(NotFound, match="no service"):
        await apps.app_usage(APP)


async def test_bandwidth_of_the_month_is_the_sum_of_all_that_was_sent(apps, log, render):
    await _ship(apps, log)
    render.measured.of_instances["bandwidth"] = [(1.5, "MB"), (500.0, "KB"), (250.0, "bytes")]
    [found] = await apps.app_usage(APP)
    assert (found.measure, found.unit, found.amount) == ("bandwidth", "bytes", 2_000_250)
    today = render.time.now()
    assert found.since == datetime(today.year, today.month, 1, tzinfo=UTC)
    assert found.until == today


@pytest.mark.parametrize("measured", [[], [(5.0, "MB"), (7.0, "widgets")]])
async def test_bandwidth_without_figures_or_in_an_unknown_unit_is_not_told(
    apps, log, render, measured
):
    await _ship(apps, log)
    render.measured.of_instances["bandwidth"] = measured
    [found] = await apps.app_usage(APP)
    assert found.amount is None
    assert found.note
    assert "widgets" not in found.note


@pytest.mark.parametrize(
    ("engine", "changed"),
    [(DatabaseEngine.POSTGRESQL, "basic_1gb"), (DatabaseEngine.REDIS, "standard")],
)
async def test_the_plan_of_a_database_is_told_as_it_is_there(
    databases, log, render, engine, changed
):
    handle = await databases.ensure_database(database_request(engine=engine), log)
    shelf = render.databases if engine is DatabaseEngine.POSTGRESQL else render.key_values
    shelf.held[handle.external_id].sent["plan"] = changed
    assert await databases.database_charges(handle.external_id) == (
        Charge(what=engine.value, plan=changed, priced_as=engine.value),
    )
    assert await databases.database_usage(handle.external_id) == ()
    shelf.held[handle.external_id].statuses = ["suspended"]
    [found] = await databases.database_charges(handle.external_id)
    assert (found.plan, found.priced_as) == (changed, None)
    await databases.destroy_database(handle.external_id)
    with pytest.raises(NotFound):
        await databases.database_charges(handle.external_id)


async def test_what_has_no_known_price_at_a_database_is_named(databases, log, render):
    handle = await databases.ensure_database(database_request(plan="basic_1gb"), log)
    held = render.databases.held[handle.external_id]
    held.highly_available, held.replicas = True, 2
    _, available, replicas = await databases.database_charges(handle.external_id)
    assert (available.priced_as, available.monthly_cents) == (None, None)
    assert (replicas.quantity, replicas.priced_as) == (2, None)
