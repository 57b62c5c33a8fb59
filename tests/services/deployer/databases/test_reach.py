"""Which databases an app reaches, by where both are."""

from collections.abc import AsyncIterator

import pytest
from tests.services.deployer.platform import Platform

from autodeploy.providers.registry import Registry
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.deployer.databases.reach import DatabaseOutOfReach, require_reach
from autodeploy.services.deployer.databases.wishes import AppPlace


@pytest.fixture
async def providers(platform: Platform) -> AsyncIterator[Registry]:
    there = (RenderProvider(), SupabaseProvider(), VercelProvider())
    registry = Registry([platform.provider, *there])
    yield registry
    await registry.close()


@pytest.mark.parametrize(
    ("app", "there"),
    [
        (("local", None), ("local", None)),
        (("local", None), ("supabase", None)),
        (("vercel", "fra1"), ("supabase", "us-east-1")),
        (("render", "ohio"), ("supabase", None)),
        (("render", None), ("render", None)),
        (("render", None), ("render", "oregon")),
        (("render", "frankfurt"), ("render", "frankfurt")),
    ],
)
async def test_database_that_lets_the_app_in_is_in_reach(
    providers: Registry, app: tuple[str, str | None], there: tuple[str, str | None]
) -> None:
    require_reach(providers, AppPlace(*app), *there, "main")


@pytest.mark.parametrize(
    ("app", "there", "field"),
    [
        (("vercel", None), ("render", None), "provider"),
        (("local", None), ("render", None), "provider"),
        (("vercel", None), ("local", None), "provider"),
        (("render", None), ("local", None), "provider"),
        (("render", "frankfurt"), ("render", None), "region"),
        (("render", None), ("render", "frankfurt"), "region"),
    ],
)
async def test_database_that_lets_the_app_not_in_is_refused(
    providers: Registry, app: tuple[str, str | None], there: tuple[str, str | None], field: str
) -> None:
    with pytest.raises(DatabaseOutOfReach) as refused:
        require_reach(providers, AppPlace(*app), *there, "main")
    assert refused.value.field == f"configuration.database.{field}"
