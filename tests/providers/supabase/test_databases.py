"""A database at Supabase comes up, is connected to, measured and goes."""

from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.fakes.supabase_api import OAUTH_TOKEN, TOKEN
from tests.fakes.supabase_state import COMES_BACK, COMES_UP, PAUSES, Organization, key_shapes
from tests.providers.supabase.conftest import PASSWORD, Notes, request_of

from autodeploy.kernel.errors import DeploymentFailed, InvalidInput, NotFound
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused, ProviderUnavailable
from autodeploy.providers.databases import (
    DatabaseProvider,
    DatabaseState,
    MeasuredDatabases,
    RotatedDatabases,
)
from autodeploy.providers.hosted import ConnectedAccount, DatabaseHosting, Owner, TokenConnect
from autodeploy.providers.manifests import Capability

pytestmark = pytest.mark.contract(provider="supabase")


async def test_a_database_comes_up_and_is_connected_to(databases, supabase, notes, log, time):
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    (project,) = supabase.there
    assert handle.external_id == project.ref
    assert project.password == PASSWORD
    url = urlsplit(handle.url)
    assert (url.scheme, url.port, url.path) == ("postgresql", 5432, "/postgres")
    assert url.hostname == f"aws-0-{project.region}.pooler.supabase.com"
    assert unquote(url.username or "") == f"postgres.{project.ref}"
    assert unquote(url.password or "") == PASSWORD
    transactions = urlsplit(handle.variables["DATABASE_TRANSACTION_URL"])
    assert (transactions.port, transactions.netloc.rpartition(":")[0]) == (
        6543, url.netloc.rpartition(":")[0],
    )  # fmt: skip
    assert handle.variables["SUPABASE_URL"] == f"https://{project.ref}.supabase.co"
    assert 115 <= time.seconds - 1000 < 135, "until the pooler is healthy, and not much longer"
    for secret in (PASSWORD, "%40ss", TOKEN, handle.variables["SUPABASE_SECRET_KEY"]):
        assert secret not in repr(handle) + repr(databases.__dict__) + log.text + str(notes.values)
    for status in ("unknown", "coming up", "active healthy"):
        assert f"info Supabase project {project.ref}: {status}." in log.text


async def test_the_primary_s_pooler_is_taken_where_there_are_replicas(
    databases, supabase, notes, log
):
    supabase.replicas = True
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    assert urlsplit(handle.url).hostname == "aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("new", "legacy", "public", "secret"),
    [
        (True, True, "sb_publishable_0123456789", "sb_secret_0123456789"),
        (False, True, "legacy-anon", "legacy-service_role"),
        (False, False, None, None),
    ],
)
async def test_the_new_keys_are_preferred_to_the_legacy_ones(
    databases, supabase, notes, log, new, legacy, public, secret
):
    supabase.keys = key_shapes(new=new, legacy=legacy)
    found = (await databases.ensure_database(request_of(uuid4(), notes), log)).variables
    for name in ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY"):
        assert found.get(name) == public
    for name in ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY"):
        assert found.get(name) == secret
    assert ("keys of the project's API cannot be read" in log.text) == (secret is None)


async def test_keys_that_may_not_be_read_are_left_out(databases, supabase, notes, log):
    supabase.tokens[TOKEN] -= {"secrets:read"}
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    assert set(handle.variables) == {"DATABASE_TRANSACTION_URL", "SUPABASE_URL"}
    assert "warn The keys" in log.text


async def test_a_right_that_lacks_is_named(databases, supabase, notes, log):
    supabase.tokens[TOKEN] -= {"projects:write"}
    with pytest.raises(ProviderRefused) as raised:
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert "projects:write" in raised.value.remedy
    assert not raised.value.retryable


async def test_a_region_is_the_one_that_is_asked_for_or_the_first_recommended_with_room(
    databases, supabase, log
):
    supabase.organizations["octo-org"].plan = "pro"

    async def region_of(wanted: str | None) -> str:
        notes = Notes()
        await databases.ensure_database(request_of(uuid4(), notes, region=wanted), log)
        return supabase.projects[notes.values["ref"]].region

    assert await region_of("us-east-1") == "us-east-1"
    assert await region_of("emea") == "eu-west-1"
    assert await region_of(None) == "eu-central-1"
    supabase.full = {"eu-central-1"}
    assert await region_of(None) == "eu-west-1"
    supabase.full = {"eu-central-1", "eu-west-1"}
    assert await region_of(None) == "eu-west-1", "of the group, where Supabase finds room"


async def test_a_plan_is_a_size_in_a_paid_organization(databases, supabase, notes, log):
    supabase.organizations["octo-org"].plan = "pro"
    await databases.ensure_database(request_of(uuid4(), notes, plan="small"), log)
    assert supabase.projects[notes.values["ref"]].size == "small"
    assert "warn" not in log.text


async def test_a_plan_that_the_organization_has_not_is_refused_before_anything_is_made(
    databases, supabase, notes, log
):
    with pytest.raises(InvalidInput, match="no small"):
        await databases.ensure_database(request_of(uuid4(), notes, plan="small"), log)
    with pytest.raises(InvalidInput, match="no plan 'huge'") as raised:
        await databases.ensure_database(request_of(uuid4(), notes, plan="huge"), log)
    assert "2xlarge" in raised.value.remedy
    assert supabase.projects == {}


async def test_what_a_paid_organization_pays_for_the_free_plan_is_said(
    databases, supabase, notes, log
):
    supabase.organizations["octo-org"].plan = "team"
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert "warn The organization has the plan team" in log.text


async def test_too_many_free_projects_are_an_error_that_says_what_to_do(
    databases, supabase, notes, log
):
    supabase.add("one")
    supabase.add("two")
    with pytest.raises(ProviderRefused, match="maximum limits") as raised:
        await databases.ensure_database(request_of(uuid4(), notes), log)
    assert "Pause or delete a project" in raised.value.remedy


async def test_the_organization_is_the_connected_one_or_the_only_one(
    provider, supabase, notes, log
):
    supabase.organizations["other-org"] = Organization("other-org", "Other")
    anyone = provider.databases_as(ConnectedAccount(uuid4(), TOKEN))
    with pytest.raises(InvalidInput, match=r"Octo \(octo-org\), Other \(other-org\)"):
        await anyone.ensure_database(request_of(uuid4(), notes), log)
    other = provider.databases_as(ConnectedAccount(uuid4(), TOKEN, "other-org"))
    await other.ensure_database(request_of(uuid4(), notes), log)
    assert [each.organization for each in supabase.there] == ["other-org"]
    supabase.organizations.clear()
    with pytest.raises(InvalidInput, match="no organization"):
        await anyone.ensure_database(request_of(uuid4(), Notes()), log)


@pytest.mark.parametrize("paused", ["PAUSING", "INACTIVE"])
async def test_a_paused_project_is_brought_back_once(databases, supabase, notes, log, time, paused):
    request = request_of(uuid4(), notes)
    await databases.ensure_database(request, log)
    (project,) = supabase.there
    project.begin(PAUSES, time.monotonic() - (60 if paused == "INACTIVE" else 0))
    await databases.ensure_database(request, log)
    assert project.status(time.monotonic()) == "ACTIVE_HEALTHY"
    assert len(supabase.calls("POST", f"/v1/projects/{project.ref}/restore")) == 1


async def test_a_project_is_paused_once_and_waited_for(databases, supabase, notes, log, time):
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    (project,) = supabase.there
    for _ in range(2):
        await databases.pause_database(handle.external_id)
        assert project.status(time.monotonic()) == "INACTIVE"
    assert len(supabase.calls("POST", f"/v1/projects/{project.ref}/pause")) == 1


async def test_a_project_that_comes_back_is_paused_when_it_has(
    databases, supabase, notes, log, time
):
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    (project,) = supabase.there
    project.begin(COMES_BACK, time.monotonic() - 10)
    await databases.pause_database(handle.external_id)
    assert project.status(time.monotonic()) == "INACTIVE"


@pytest.mark.parametrize("status", ["PAUSE_FAILED", "GOING_DOWN"])
async def test_a_project_that_is_not_paused_is_told(databases, supabase, notes, log, time, status):
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    (project,) = supabase.there
    project.begin(((0.0, status),), time.monotonic())
    with pytest.raises(DeploymentFailed, match=status):
        await databases.pause_database(handle.external_id)


@pytest.mark.parametrize("status", ["INIT_FAILED", "RESTORE_FAILED", "PAUSE_FAILED"])
async def test_a_project_that_failed_is_an_error_until_it_is_deleted_there(
    databases, supabase, notes, log, status
):
    supabase.life = (*COMES_UP[:2], (30.0, status))
    request = request_of(uuid4(), notes)
    for _ in range(2):
        with pytest.raises(DeploymentFailed, match=status) as raised:
            await databases.ensure_database(request, log)
        assert not raised.value.retryable
        assert "Delete it at Supabase" in raised.value.remedy
    assert len(supabase.projects) == 1
    supabase.projects.clear()
    supabase.life = COMES_UP
    handle = await databases.ensure_database(request, log)
    assert [handle.external_id] == list(supabase.projects)


@pytest.mark.parametrize("status", ["GOING_DOWN", "REMOVED"])
async def test_a_project_that_is_deleted_meanwhile_is_an_error(
    databases, supabase, notes, log, status
):
    supabase.life = (*COMES_UP[:2], (30.0, status))
    with pytest.raises(DeploymentFailed, match="deleted at Supabase"):
        await databases.ensure_database(request_of(uuid4(), notes), log)


@pytest.mark.parametrize(
    "status", ["BRAND_NEW", "ACTIVE_UNHEALTHY", "RESTARTING", "RESIZING", "UPGRADING", "RESTORING"]
)
async def test_any_other_status_is_waited_for(databases, supabase, notes, log, status, time):
    supabase.life = ((0.0, status), (200.0, "ACTIVE_HEALTHY"))
    if status == "BRAND_NEW":
        ways = ["novel"] * 20
        supabase.life = COMES_UP
        supabase.faults.fail("/v1/projects", "novel")
        with_ref = supabase.faults.next

        def next_(method: str, path: str) -> str | None:
            is_project = method == "GET" and path.count("/") == 3 and "available" not in path
            return ways.pop() if ways and is_project else with_ref(method, path)

        supabase.faults.next = next_
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert time.seconds > 1200


async def test_a_project_that_never_comes_up_is_given_up_after_ten_minutes(
    databases, supabase, notes, log, time
):
    supabase.life = COMES_UP[:2]
    request = request_of(uuid4(), notes)
    with pytest.raises(
        ProviderUnavailable, match=r"not ready after 10 minutes \(coming up\)"
    ) as raised:
        await databases.ensure_database(request, log)
    assert raised.value.retryable, "so that it is gone on with"
    assert 1580 < time.seconds <= 1601
    (project,) = supabase.there
    project.begin(COMES_UP, time.monotonic() - 500)
    assert (await databases.ensure_database(request, log)).external_id == project.ref


async def test_a_pooler_that_stays_away_is_named(databases, supabase, notes, log):
    supabase.life = ((0.0, "ACTIVE_HEALTHY"),)
    original = supabase.faults.next
    supabase.faults.next = lambda method, path: (
        "null" if path.endswith("/health") else original(method, path)
    )
    with pytest.raises(ProviderUnavailable, match="without its db and pooler"):
        await databases.ensure_database(request_of(uuid4(), notes), log)


async def test_polls_are_few(databases, supabase, notes, log, time):
    await databases.ensure_database(request_of(uuid4(), notes), log)
    assert len(supabase.exchanges) < 40
    waits = time.slept[1:]
    assert waits == sorted(waits) and max(waits) <= 15


async def test_a_database_is_destroyed_once_it_has_come_up(databases, supabase, notes, log, time):
    handle = await databases.ensure_database(request_of(uuid4(), notes), log)
    (project,) = supabase.there
    project.begin(COMES_UP, time.monotonic())
    with pytest.raises(ProviderUnavailable, match="not ready") as raised:
        await databases.destroy_database(handle.external_id)
    assert raised.value.retryable
    time.seconds += 100
    for _ in range(2):
        await databases.destroy_database(handle.external_id)
    time.seconds += 100
    assert supabase.there == []
    await databases.destroy_database(handle.external_id)


async def test_a_database_whose_making_was_interrupted_is_destroyed_by_its_id(
    databases, supabase, notes, log, time
):
    database_id = uuid4()
    await databases.ensure_database(request_of(database_id, notes), log)
    other = supabase.add("shop-production-0123456789ab")
    await databases.destroy_database(str(database_id))
    await databases.destroy_database(str(uuid4()))
    time.seconds += 100
    assert supabase.there == [other]
    with pytest.raises(InvalidInput):
        await databases.destroy_database("shop")


@pytest.fixture
def sql(database_url):
    """A real PostgreSQL that answers as Supabase does: 64 bits as text."""
    connection = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
    connection.execute(
        "CREATE SCHEMA extensions; CREATE TABLE extensions.pg_stat_statements (userid oid,"
        " dbid oid, toplevel bool, query text, calls bigint, total_exec_time float8,"
        " mean_exec_time float8, rows bigint)"
    )
    connection.execute(
        "INSERT INTO extensions.pg_stat_statements SELECT r.oid, d.oid, true, 'SELECT $1', n,"
        " n * 2.5, 2.5, n FROM pg_roles AS r, pg_database AS d, generate_series(1, 20) AS n"
        " WHERE r.rolname = 'postgres' AND d.datname = current_database()"
    )

    async def rows(statement: str):
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            found = connection.execute(statement).fetchall()
        return [
            {name: str(value) if type(value) is int else value for name, value in row.items()}
            for row in found
        ]

    yield rows
    connection.close()


async def test_a_database_is_measured(databases, supabase, sql):
    supabase.rows = sql
    project = supabase.add("shop")
    found = await databases.measure_database(project.ref)
    assert abs(found.measured_at - datetime.now(UTC).timestamp()) < 60
    assert found.size_bytes > 10**6
    assert found.connections >= found.connections_active >= 1
    assert found.connection_limit >= 10
    assert found.transactions_committed > 0
    assert found.cache_hit_ratio is None or 0 <= found.cache_hit_ratio <= 1
    assert [each.calls for each in found.slowest_statements] == [*range(20, 10, -1)]
    assert found.slowest_statements[0].total_milliseconds == 50


async def test_a_database_that_is_gone_is_not_measured(databases, supabase):
    with pytest.raises(NotFound):
        await databases.measure_database("a" * 20)


async def test_a_token_tells_who_it_is(provider, supabase):
    supabase.organizations["other-org"] = Organization("other-org", "Other")
    owners = (Owner("octo-org", "Octo"), Owner("other-org", "Other"))
    person = await provider.check_token(TOKEN)
    assert (person.name, person.owners, person.missing) == ("ada", owners, ())
    app = await provider.check_token(OAUTH_TOKEN)
    assert (app.id, app.name, app.owners) == ("octo-org", "Octo", owners)
    supabase.tokens[TOKEN] = {"profile"}
    assert (await provider.check_token(TOKEN)).missing == ("organizations:read",)
    supabase.tokens[TOKEN] = set()
    with pytest.raises(ProviderRefused):
        await provider.check_token(TOKEN)
    supabase.organizations.clear()
    with pytest.raises(ProviderRefused, match="neither a person nor"):
        await provider.check_token(OAUTH_TOKEN)
    with pytest.raises(CredentialRefused):
        await provider.check_token("sbp_nobody")
    with pytest.raises(InvalidInput):
        await provider.check_token("not a token")


@pytest.mark.parametrize("lacking", ["projects:read", "database:read", "secrets:read"])
async def test_a_token_tells_what_it_may_not_read(provider, supabase, lacking):
    supabase.add("there")
    supabase.tokens[TOKEN].remove(lacking)
    assert (await provider.check_token(TOKEN)).missing == (lacking,)
    supabase.tokens[OAUTH_TOKEN].remove(lacking)
    assert (await provider.check_token(OAUTH_TOKEN)).missing == (lacking,)


async def test_one_organization_that_asks_for_more_hides_no_right_in_the_others(provider, supabase):
    supabase.add("there")
    supabase.organizations["strict"] = Organization("strict", "Strict")
    supabase.faults.fail("GET /v1/organizations/strict/projects", "403")
    assert (await provider.check_token(TOKEN)).missing == ()


async def test_the_manifest_says_what_can_be_done(provider, databases):
    assert isinstance(provider, TokenConnect) and isinstance(provider, DatabaseHosting)
    assert isinstance(databases, DatabaseProvider) and isinstance(databases, MeasuredDatabases)
    assert not isinstance(databases, RotatedDatabases)
    assert provider.manifest.capabilities == {
        Capability.DATABASE, Capability.DATABASE_METRICS, Capability.DATABASE_PAUSES,
        Capability.DATABASE_USAGE, Capability.DATABASE_DRIFT, Capability.CONNECT,
    }  # fmt: skip
    assert {each.id for each in provider.manifest.regions} >= {"eu-central-1", "emea"}
    prices = {each.plan: each.monthly_cents for each in provider.manifest.pricing}
    assert (prices["free"], prices["micro"], prices["16xlarge"]) == (0, 1000, 373800)


async def test_how_a_project_is_there_is_told(databases, supabase, time):
    project = supabase.add("shop")
    assert await databases.database_state(project.ref) is DatabaseState.RUNNING
    for status in ("INACTIVE", "PAUSING", "RESTORING", "RESTORE_FAILED"):
        project.begin(((0.0, status),), time.monotonic())
        assert await databases.database_state(project.ref) is DatabaseState.STOPPED
    project.begin(((0.0, "GOING_DOWN"),), time.monotonic())
    assert await databases.database_state(project.ref) is DatabaseState.GONE
    del supabase.projects[project.ref]
    assert await databases.database_state(project.ref) is DatabaseState.GONE
