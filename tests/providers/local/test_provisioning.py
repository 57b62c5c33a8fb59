"""Which Node an app gets that this machine lacks."""

import pytest

from autodeploy.providers.local.errors import RuntimeMissing
from autodeploy.providers.local.provisioning import choose_node
from autodeploy.providers.local.toolchain import Interpreter, Toolchains, _choose


class _Machine(Toolchains):
    def __init__(self, *versions: str):
        super().__init__()
        self._found = [Interpreter("node", one, "/usr/bin/node", "/usr") for one in versions]

    async def node(self, wanted: str | None) -> tuple[Interpreter, str | None]:
        return _choose("Node", wanted, self._found, "")


@pytest.mark.parametrize(
    ("has", "wanted", "version", "said"),
    [
        (["20.20.2"], "20", "20.20.2", None),
        (["20.20.2"], None, "20.20.2", None),
        (["20.20.2"], "22.x", "22", "no Node 22.x: Node 22 is installed"),
        (["20.20.2"], "22.4.1", "22", "no Node 22.4.1: Node 22 is installed"),
        (["20.20.2"], "lts/krypton", "24", "Node 24 is installed"),
        (["22.1.0"], "20", "20", "no Node 20: Node 20 is installed"),
        (["20.20.2"], "18", "20.20.2", "20.20.2 is used"),
        ([], None, "24", "This machine has no Node: Node 24 is installed"),
        ([], "lts/*", "24", "Node 24 is installed"),
        ([], ">=18", "24", "no Node >=18: Node 24 is installed"),
    ],
)
async def test_node_is_of_the_machine_or_of_the_wheel(
    has: list[str], wanted: str | None, version: str, said: str | None
) -> None:
    found, note = await choose_node(_Machine(*has), wanted)

    assert found.version == version
    assert found.is_cached == (version not in has)
    assert said in note if said and note else note is said


async def test_a_node_that_is_nowhere_is_told_with_those_that_can_be_had() -> None:
    with pytest.raises(RuntimeMissing) as raised:
        await choose_node(_Machine("20.20.2"), "99")

    assert "20, 22, 24" in (raised.value.remedy or "")
