import asyncio
from dataclasses import replace

from tests.api.conftest import client_of, new_app

from autodeploy.kernel.cache import Cache
from autodeploy.kernel.db import Database
from autodeploy.kernel.vault import Vault
from autodeploy.kernel.vault.server import TokenFile, VaultServer
from autodeploy.kernel.vault.transit import TransitBackend
from autodeploy.kernel.vault_url import parse_transit_url
from autodeploy.services.auth import service


async def test_a_living_process_says_so(client):
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_process_with_all_parts_is_ready(client):
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "redis": "ok", "vault": "ok"}


async def test_a_process_without_redis_is_not_ready_and_says_which(home, resources):
    lost = Cache.connect(f"unix://{home}/absent.sock")
    async with client_of(new_app(home, replace(resources, cache=lost))) as client:
        answer = await client.get("/readyz")
        assert (await client.get("/healthz")).status_code == 200
    await lost.close()
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failing",
        "database": "ok",
        "redis": "failing",
        "vault": "ok",
    }


async def test_a_process_without_its_database_is_not_ready_and_says_which(home, resources):
    lost = Database(f"postgresql://u:p@/x?host={home}")
    async with client_of(new_app(home, replace(resources, db=lost))) as client:
        answer = await client.get("/readyz")
    await lost.close()
    assert answer.json() == {
        "status": "failing",
        "database": "failing",
        "redis": "ok",
        "vault": "ok",
    }


async def test_a_part_that_hangs_does_not_hang_the_answer(home, resources):
    async def hang(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(hang, home / "hang.sock")
    stuck = Cache.connect(f"unix://{home}/hang.sock")
    async with server, client_of(new_app(home, replace(resources, cache=stuck))) as client:
        async with asyncio.timeout(6):
            answer = await client.get("/readyz")
        await stuck.close()
    assert answer.json()["redis"] == "failing"


async def test_metrics_are_for_operators_and_count_by_route_template(client, resources, sign_up):
    assert (await client.get("/metrics", headers=await sign_up())).status_code == 403
    token = await service.ensure_administrator(resources, "root@example.com")
    headers = {"Authorization": f"Bearer {token}"}
    unknown = "00000000-0000-0000-0000-000000000000"
    await client.delete(f"/api/v1/auth/tokens/{unknown}", headers=headers)
    metrics = (await client.get("/metrics", headers=headers)).text
    assert 'route="/api/v1/auth/tokens/{token_id}",status="404"' in metrics
    assert unknown not in metrics


async def test_a_process_whose_vault_is_away_is_not_ready_and_says_which(home, resources):
    address = parse_transit_url("http://127.0.0.1:1/transit/app")
    away = Vault(TransitBackend(VaultServer(address, TokenFile(lambda: "token"))))
    async with client_of(new_app(home, replace(resources, vault=away))) as client:
        answer = await client.get("/readyz")
    await away.close()
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failing",
        "database": "ok",
        "redis": "ok",
        "vault": "failing",
    }
