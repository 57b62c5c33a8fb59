"""Every call to Supabase as its description has it, at the emulated one or any other.

Elsewhere it makes a project in the organization that the environment names, and deletes it.
"""

import os
from uuid import uuid4

import pytest
from tests.fakes.supabase_api import TOKEN, FakeSupabase
from tests.kernel.http.servers import MovedTime
from tests.providers.supabase.conftest import ELSEWHERE, Lines, Notes, request_of

from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.kernel.http.timing import SystemTiming
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.supabase.provider import SupabaseProvider

pytestmark = [
    pytest.mark.contract(provider="supabase"),
    pytest.mark.usefixtures("described"),
    pytest.mark.timeout(1200 if ELSEWHERE else 120),
]

COUNTS = {
    "measured_at": 1.8e9, "size_bytes": "7654321", "xact_commit": "5", "xact_rollback": "1",
    "deadlocks": "0", "blks_hit": "90", "blks_read": "10", "temp_bytes": "0",
    "counted_since": None, "connection_limit": 60, "connections": "3", "active": "1",
    "idle_in_transaction": "0", "has_statements": False,
}  # fmt: skip


async def counted(_statement: str) -> list[dict[str, object]]:
    """What the statement that counts is answered."""
    return [COUNTS]


@pytest.fixture
async def anywhere():
    """The provider, wherever the tests of the contract go, and whether its time can be moved."""
    if ELSEWHERE:
        provider = SupabaseProvider(api_url=ELSEWHERE.rstrip("/"), timing=SystemTiming())
        yield provider
        await provider.close()
        return
    time = MovedTime()
    async with FakeSupabase(time.monotonic).run() as fake:
        fake.rows = counted
        provider = SupabaseProvider(api_url=fake.url, timing=time)
        yield provider
        await provider.close()


@pytest.fixture
def account() -> ConnectedAccount:
    token = os.environ.get("AUTODEPLOY_CONTRACT_TOKEN", TOKEN)
    return ConnectedAccount(uuid4(), token, os.environ.get("AUTODEPLOY_CONTRACT_OWNER"))


async def test_a_token_is_checked(anywhere, account):
    found = await anywhere.check_token(account.token)
    assert found.name and found.owners
    with pytest.raises(CredentialRefused):
        await anywhere.check_token("sbp_0000000000000000000000000000000000000000")


async def test_a_database_is_made_once_measured_and_deleted(anywhere, account):
    databases, database_id, notes = anywhere.databases_as(account), uuid4(), Notes()
    try:
        made = await databases.ensure_database(request_of(database_id, notes), Lines())
        again = await databases.ensure_database(request_of(database_id, Notes()), Lines())
        assert (again.external_id, again.url) == (made.external_id, made.url)
        assert "SUPABASE_SECRET_KEY" in made.variables
        measured = await databases.measure_database(made.external_id)
        assert measured.size_bytes > 10**6
        assert measured.connection_limit > 10
        assert (await databases.database_charges(made.external_id))[0].what == "compute_instance"
        assert len(await databases.database_usage(made.external_id)) == 4
    finally:
        await _destroy(databases, str(database_id))


async def _destroy(databases, database_id: str) -> None:
    for _ in range(10):
        try:
            await databases.destroy_database(database_id)
        except ProviderUnavailable:
            await databases._timing.sleep(30)
        else:
            return
    pytest.fail("the project is left over: delete it at Supabase")
