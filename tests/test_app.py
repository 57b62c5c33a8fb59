from tests.api.conftest import client_of

from autodeploy.app import ROLE_ROUTERS, create_app
from autodeploy.kernel.signing import generate_signing_key
from autodeploy.kernel.vault import generate_master_key_file
from autodeploy.settings import Settings


async def test_a_process_opens_its_own_parts_and_serves_only_its_roles(
    home, database_url, redis_url
):
    settings = Settings(home=home, database_url=database_url, redis_url=redis_url)
    settings.secrets_folder.mkdir(mode=0o700)
    generate_signing_key(settings.jwt_key_file)
    generate_master_key_file(settings.master_key_file)
    assert settings.jwt_key_file.stat().st_mode & 0o777 == 0o600
    app = create_app(settings, frozenset({"auth"}))
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/readyz")).json()["status"] == "ok"
        assert (await client.get("/api/v1/auth/me")).status_code == 401
        assert (await client.get("/api/v1/projects")).status_code == 404


def test_every_role_mounts_routers_that_no_other_mounts(home):
    mounted = [id(router) for routers in ROLE_ROUTERS.values() for router in routers]
    assert len(mounted) == len(set(mounted))
