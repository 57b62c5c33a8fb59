from pathlib import Path

import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import DeployProvider
from autodeploy.providers.databases import DatabaseProvider
from autodeploy.providers.local.provider import MANIFEST, LocalProvider
from autodeploy.providers.manifests import Capability, Manifest
from autodeploy.providers.registry import Registry


class _Source:
    manifest = Manifest("source", "Source", frozenset({Capability.SOURCE}), (), ())


def test_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as raised:
        Registry([_Source()]).get("nowhere")
    assert raised.value.field == "provider"
    assert "source" in (raised.value.remedy or "")


def test_missing_capability_is_refused() -> None:
    registry = Registry([_Source()])
    assert registry.get("source", Capability.SOURCE).manifest.name == "source"
    with pytest.raises(InvalidInput, match="cannot do deploy"):
        registry.deploys("source")


def test_manifests_are_listed_by_name() -> None:
    assert [manifest.name for manifest in Registry([_Source()]).list()] == ["source"]


class _Connected(_Source):
    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_what_keeps_connections_open_is_closed() -> None:
    provider = _Connected()
    await Registry([provider]).close()
    assert provider.closed
    await Registry([_Source()]).close()


def test_local_provider_has_what_its_manifest_says(home: Path) -> None:
    objects = ObjectStore.open(f"file://{home}/objects")
    provider = LocalProvider(home=home, proxy_port=8080, objects=objects)
    registry = Registry([provider])
    assert {Capability.DEPLOY, Capability.DATABASE} <= MANIFEST.capabilities
    assert isinstance(registry.deploys("local"), DeployProvider)
    assert isinstance(registry.databases("local"), DatabaseProvider)
