"""Passwords change while releases that know the one before go on."""

from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.services.deployer.databases.office import WITH_DATABASE, Office
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import crash_once, fail_with

from autodeploy.kernel.errors import InvalidInput
from autodeploy.services.deployer.databases import rotation
from autodeploy.services.deployer.databases.access import RotationUnderWay
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.rotation import retire_logins
from autodeploy.services.deployer.leftovers import retire_leftovers


def login_of(url: str) -> str:
    return urlsplit(url).username or ""


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_GRACE_SECONDS", 0)


async def retiring(office: Office, database_id: UUID) -> str | None:
    async with office.resources.db.transaction() as session:
        return (await session.get_one(ProjectDatabase, database_id)).retiring_login


async def test_login_ends_when_the_next_deployment_has_taken_over(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    old = await office.url(database.id)
    assert (await office.rotate(database.id)).rotation is not None
    await office.work(database.id)
    new = await office.url(database.id)
    assert login_of(new) != login_of(old)
    waiting = (await office.view(database.id)).rotation
    assert waiting is not None
    assert waiting.status == "waiting"

    await retire_logins(platform.engine)
    assert login_of(old) in office.provider.logins[str(database.id)]  # the release has it
    with pytest.raises(RotationUnderWay):
        await office.rotate(database.id)

    await platform.deployed(project, build="always", configuration=WITH_DATABASE)
    assert office.provider.environments["run"]["DATABASE_URL"] == new
    await retire_leftovers(platform.engine)
    await retire_logins(platform.engine)
    assert office.provider.logins[str(database.id)] == {login_of(new)}
    assert (await office.view(database.id)).rotation is None
    await office.rotate(database.id)


async def test_deployment_under_way_keeps_the_login_that_it_began_with(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    database = await office.made(project_id=project.id)
    old = login_of(await office.url(database.id))

    async def rotate_meanwhile() -> None:
        await office.rotate(database.id)
        await office.work(database.id)
        await retire_logins(platform.engine)
        assert old in office.provider.logins[str(database.id)]

    office.provider.at["build"] = rotate_meanwhile
    deployed = await platform.deployed(project, configuration=WITH_DATABASE)
    assert deployed.status == "ready"
    assert login_of(office.provider.environments["run"]["DATABASE_URL"]) == old
    await retire_logins(platform.engine)
    assert await retiring(office, database.id) == old


async def test_login_that_nothing_uses_ends_at_once(office: Office) -> None:
    database = await office.made()
    old = login_of(await office.url(database.id))
    await office.rotate(database.id)
    await office.work(database.id)
    await retire_logins(office.platform.engine)
    assert old not in office.provider.logins[str(database.id)]


@pytest.mark.parametrize("moment", ["at", "after"])
async def test_worker_that_dies_while_it_rotates_is_followed_by_another(
    office: Office, moment: str
) -> None:
    database = await office.made()
    before = await office.url(database.id)
    await office.rotate(database.id)
    getattr(office.provider, moment)["open_login"] = crash_once()
    await office.work_killed(database.id)
    assert await office.url(database.id) == before  # which still works
    await office.work(database.id)
    assert login_of(await office.url(database.id)) in office.provider.logins[str(database.id)]
    assert await retiring(office, database.id) == login_of(before)
    getattr(office.provider, moment)["close_login"] = crash_once()
    with pytest.raises(BaseException, match="killed"):
        await retire_logins(office.platform.engine)
    await retire_logins(office.platform.engine)
    assert await retiring(office, database.id) is None


async def test_worker_that_dies_before_it_notes_the_time_is_made_up_for(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    await office.rotate(database.id)
    await office.work(database.id)
    await office.set(ProjectDatabase, database.id, rotated_at=None)
    await retire_logins(platform.engine)
    await retire_logins(platform.engine)
    assert await retiring(office, database.id) is not None  # the release still has it


async def test_revocation_ends_the_present_login_at_once(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    first = login_of(await office.url(database.id))
    await office.rotate(database.id)
    await office.work(database.id)
    second = login_of(await office.url(database.id))
    # While the first one still waits for a deployment.
    await office.rotate(database.id, revoke=True)
    await office.work(database.id)
    third = login_of(await office.url(database.id))
    await retire_logins(platform.engine)
    assert len({first, second, third}) >= 2
    assert office.provider.logins[str(database.id)] == {third}


async def test_refused_rotation_leaves_the_url_as_it_is(office: Office) -> None:
    database = await office.made()
    before = await office.url(database.id)
    await office.rotate(database.id)
    office.provider.at["open_login"] = fail_with(InvalidInput("no"))
    await office.work(database.id)
    view = await office.view(database.id)
    assert (view.status, view.rotation) == ("available", None)
    assert view.error is not None
    assert await office.url(database.id) == before


async def test_other_work_on_the_row_does_not_make_the_next_build_another_one(
    office: Office, platform: Platform
) -> None:
    project = await platform.project()
    first = await platform.deployed(project, configuration=WITH_DATABASE)
    database = await office.asked(project_id=project.id)
    await office.backed_up(database.id)
    second = await platform.deployed(project, configuration=WITH_DATABASE)
    rows = [await platform.row(each.id) for each in (first, second)]
    assert rows[0].build_fingerprint == rows[1].build_fingerprint
