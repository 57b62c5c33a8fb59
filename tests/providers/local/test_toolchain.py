import pytest

from autodeploy.providers.local.errors import RuntimeMissing
from autodeploy.providers.local.toolchain import Interpreter, Toolchains, _choose, satisfies


def _found(*versions: str) -> list[Interpreter]:
    return [Interpreter("x", version, "/usr/bin/x", "/usr") for version in versions]


@pytest.mark.parametrize(
    ("wanted", "version", "fits"),
    [
        ("3.11", "3.11.7", True),
        ("3.11.4", "3.11.7", True),
        ("python-3.11.4", "3.11.2", True),
        (">=3.10,<3.12", "3.11.7", True),
        (">=3.10,<3.12", "3.12.1", False),
        ("~=3.10", "3.12.1", True),
        ("^20", "20.9.0", True),
        ("^20.10.0", "20.9.0", False),
        ("20.x", "20.9.0", True),
        (">=18", "20.9.0", True),
        ("18.x || 20.x", "18.1.0", True),
        ("v22", "20.9.0", False),
        ("18.x || 22.x", "20.9.0", False),
    ],
)
def test_versionsatisfies_a_request(wanted: str, version: str, fits: bool) -> None:
    assert satisfies(version, wanted) is fits


def test_default_wins_when_it_fits() -> None:
    chosen, note = _choose("Python", ">=3.9", _found("3.12.1", "3.11.2"), "3.11.2")
    assert (chosen.version, note) == ("3.11.2", None)


def test_next_newer_is_used_with_a_note() -> None:
    chosen, note = _choose("Node", "18", _found("20.1.0", "22.1.0"), "22.1.0")
    assert chosen.version == "20.1.0"
    assert note is not None
    assert "18" in note


@pytest.mark.parametrize(
    ("name", "wanted"), [("Python", "2.7"), ("Python", "3.14"), ("Node", "24")]
)
def test_no_fitting_interpreter_says_what_there_is(name: str, wanted: str) -> None:
    with pytest.raises(RuntimeMissing, match=r"3\.11\.2|20\.1\.0") as raised:
        _choose(name, wanted, _found("3.11.2" if name == "Python" else "20.1.0"), "")
    assert raised.value.remedy


def test_machine_without_an_interpreter_says_how_to_get_one() -> None:
    with pytest.raises(RuntimeMissing, match="no Node") as raised:
        _choose("Node", None, [], "")
    assert "Install" in (raised.value.remedy or "")


async def test_python_of_this_machine_is_found() -> None:
    interpreter, note = await Toolchains().python(None)
    assert note is None
    assert interpreter.version.startswith("3.")
    assert interpreter.program.startswith(interpreter.folder)
