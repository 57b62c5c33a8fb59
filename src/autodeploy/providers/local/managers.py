"""The package manager that an app asks for, in the version that it asks for.

Each version lies in a folder of its own below the app's cache, made whole or not at all: a build
that dies half-way leaves nothing that a later one would take for it.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from autodeploy.providers.local.errors import InstallFailed
from autodeploy.providers.local.sources import read_manifest, read_source
from autodeploy.providers.local.toolchain import Interpreter
from autodeploy.providers.local.workshop import TOOLS, Workshop

NODE_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
PYTHON_MANAGERS = frozenset({"uv", "poetry", "pipenv", "pdm"})

# The package of yarn 2 and later.
_BERRY = "@yarnpkg/cli-dist@"
# Lock file, what its head says, and the package that reads and writes this format. Checked
# against the registry in November 2026: the newest `yarn` there is 2.4, which nobody means.
_LOCK_FORMATS = (
    ("yarn.lock", r"__metadata:", f"{_BERRY}4"),
    ("yarn.lock", r"", "yarn@1"),
    ("pnpm-lock.yaml", r"lockfileVersion: '?5", "pnpm@7"),
    ("pnpm-lock.yaml", r"lockfileVersion: '?6", "pnpm@8"),
    ("pnpm-lock.yaml", r"lockfileVersion: '?9", "pnpm@10"),
)
_DEFAULTS = {"yarn": "yarn@1"}
# pdm 2.29 admits but does not work with hishel 2 and unearth 0.19 (November 2026).
_WITH = {"pdm": ("hishel<2", "unearth<0.19")}
_LINKER = re.compile(r"(?m)^nodeLinker:\s*[\"']?([\w-]+)")
_PNPM_STORE = "/cache/home/.local/share/pnpm/store"
_RANGE = re.compile(r"[\w.^~<>=|*+ -]{1,60}")


@dataclass(frozen=True)
class Manager:
    """A package manager to be had: ``requirements`` is what the registry is asked for."""

    name: str
    requirements: tuple[str, ...]
    runtime: str = ""

    @property
    def folder(self) -> str:
        """Where it lies in the sandbox; another version or interpreter, another folder."""
        said = " ".join((*self.requirements, self.runtime))
        return f"{TOOLS}/{self.name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    def interpreter(self) -> Interpreter:
        version = self.requirements[0].rpartition("@")[2] if "@" in self.requirements[0] else ""
        return Interpreter(self.name, version, f"{self.folder}/bin/{self.name}", self.folder)


def choose_managers(shop: Workshop, python: Interpreter | None) -> list[Manager]:
    """The managers to install: the app's own, and that of its front end.

    Not those of which the machine's, or the interpreter's own, does.
    """
    spec = shop.request.spec
    front_end = NODE_MANAGERS.intersection((spec.install_command or "").split())
    names = dict.fromkeys((spec.package_manager or "", *sorted(front_end)))
    return [found for name in names if (found := _choose(shop, name, python))]


def _choose(shop: Workshop, name: str, python: Interpreter | None) -> Manager | None:
    if name in NODE_MANAGERS:
        asked = _asked(shop, name)
        # npm comes with Node: another one is fetched only where a version is named.
        return None if name == "npm" and asked == "npm" else Manager(name, (asked,))
    if name in PYTHON_MANAGERS and python is not None:
        return Manager(name, (name, *_WITH.get(name, ())), python.version)
    return None


async def ensure_manager(shop: Workshop, manager: Manager, python: Interpreter | None) -> None:
    """Install the manager into its folder. Idempotent. Raises ``InstallFailed``."""
    place = shop.cache / "tools" / Path(manager.folder).name
    if (place / "bin" / manager.name).exists():
        return
    await shop.log("info", "build", f"Installing {manager.requirements[0]}.")
    if manager.name in NODE_MANAGERS:
        part = f"{manager.folder}.part"
        await shop.run(("/bin/rm", "-rf", part), InstallFailed)
        # npm 12 runs install scripts only where allowed, and bun's puts its program in place.
        flags = ("--loglevel=error", f"--allow-scripts={manager.name}", "--prefix", part)
        argv = ("npm", "install", "--global", *flags, "--", *manager.requirements)
        await shop.run(argv, InstallFailed, cwd="/")
        await shop.run(("/bin/mv", "-T", part, manager.folder), InstallFailed)
    elif python is not None:
        # A virtual environment cannot be moved; its program is linked where it is looked for last.
        inner = f"{manager.folder}/venv"
        await shop.run((python.program, "-m", "venv", "--clear", inner), InstallFailed)
        pip = (f"{inner}/bin/pip", "install", "--quiet", *manager.requirements)
        await shop.run(pip, InstallFailed)
        await shop.run(("/bin/mkdir", "-p", f"{manager.folder}/bin"), InstallFailed)
        link = ("/bin/ln", "-sfn", f"../venv/bin/{manager.name}", f"{manager.folder}/bin/")
        await shop.run(link, InstallFailed)


def manager_environment(shop: Workshop, manager: Manager) -> dict[str, str]:
    """What the manager is told besides its settings.

    Where yarn lays out no node_modules (its default, Plug'n'Play), the app runs from yarn's cache,
    so the release must hold that (https://yarnpkg.com/features/pnp, November 2026). pnpm looks for
    a store on the disk of the app, which is another mount than the cache, and would make one in the
    app's own folder (https://pnpm.io/settings#storedir, November 2026).
    """
    if manager.name == "pnpm":
        return dict.fromkeys(("NPM_CONFIG_STORE_DIR", "PNPM_CONFIG_STORE_DIR"), _PNPM_STORE)
    berry = manager.requirements[0].startswith(_BERRY)
    return {"YARN_ENABLE_GLOBAL_CACHE": "false"} if berry and _plugs(shop) else {}


def _plugs(shop: Workshop) -> bool:
    for folder in shop.folders():
        with contextlib.suppress(OSError):
            settings = read_source(folder / ".yarnrc.yml", shop.root).decode(errors="replace")
            linker = _LINKER.search(settings)
            if linker is not None:
                return linker[1] == "pnp"
    return True


def _asked(shop: Workshop, name: str) -> str:
    """``pnpm@9.1.0`` when package.json names that version, else what the lock file is of."""
    for folder in shop.folders():
        declared = _declared(read_manifest(folder / "package.json", shop.root), name)
        if declared is not None:
            return _package(name, declared)
    for folder in shop.folders():
        for lock, pattern, package in _LOCK_FORMATS:
            if lock.startswith(name):
                with contextlib.suppress(OSError):
                    head = read_source(folder / lock, shop.root)[:400]
                    if re.search(pattern, head.decode(errors="replace")):
                        return package
        if name == "yarn" and (folder / ".yarnrc.yml").is_file():
            return f"{_BERRY}4"
    return _DEFAULTS.get(name, name)


def _declared(manifest: Mapping[str, object], name: str) -> str | None:
    """The version, or the range of versions, that ``package.json`` asks for."""
    for asked in _asks(manifest):
        manager, _, version = asked.partition("@")
        # Corepack's check sum comes after a plus sign.
        version = version.partition("+")[0].strip()
        if manager == name and _RANGE.fullmatch(version):
            return version
    return None


def _asks(manifest: Mapping[str, object]) -> Iterator[str]:
    """``name@version`` by Corepack's field, then by npm's ``devEngines``."""
    field = manifest.get("packageManager")
    if isinstance(field, str):
        yield field
    engines = manifest.get("devEngines")
    one = engines.get("packageManager") if isinstance(engines, dict) else None
    for asked in one if isinstance(one, list) else [one]:
        if isinstance(asked, dict) and isinstance(asked.get("version"), str):
            yield f"{asked.get('name')}@{asked['version']}"


def _package(name: str, version: str) -> str:
    """Yarn 2 and later is published under another name; ``stable`` and ``berry`` are tags of it."""
    if name == "yarn" and not re.match(r"[\^~>=v ]*[01]\b", version):
        digits = bool(re.search(r"\d", version))
        return _BERRY + (version if digits else "4")
    return f"{name}@{version}"
