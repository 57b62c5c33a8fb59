"""Builds an app: interpreter, dependencies, build command, archive. All of it in a sandbox."""

import asyncio
import json
import os
import shutil
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.sandbox import DEFAULT_PATH, GIB, Bind, Limits, Sandbox, SandboxSpec
from autodeploy.providers.base import Artifact, BuildRequest, BuildSpec, LogSink
from autodeploy.providers.local import machine
from autodeploy.providers.local.artifact import ArtifactStore
from autodeploy.providers.local.dependencies import (
    dependency_key,
    installed_folders,
    kept,
    prune,
)
from autodeploy.providers.local.errors import (
    BuildFailed,
    BuildSandboxUnavailable,
    BuildTimeout,
    InstallFailed,
    OutOfMemory,
)
from autodeploy.providers.local.hints import relevant_tail, remedy_for
from autodeploy.providers.local.layout import (
    Layout,
    app_uid,
    ensure_app_folder,
    give_to_app,
)
from autodeploy.providers.local.toolchain import Interpreter, Toolchains

BUILD_SECONDS = 30 * 60
_LIMITS = Limits(memory_bytes=4 * GIB, processes=2048)
_TAIL_LINES = 200
_NODE_MANAGERS = frozenset({"pnpm", "yarn", "bun"})
_PYTHON_MANAGERS = frozenset({"uv", "poetry", "pipenv", "pdm"})


@dataclass(frozen=True)
class Workshop:
    """One build: where it happens, what it sees, and how its commands are reported."""

    request: BuildRequest
    root: Path
    workdir: Path
    binds: tuple[Bind, ...]
    environment: dict[str, str]
    log: LogSink

    @property
    def inside(self) -> str:
        """The working folder as the commands see it."""
        return str(Path("/app", self.request.spec.root_directory.strip("/")))


class Builder:
    """Builds on this machine. Holds no state of a build."""

    def __init__(self, layout: Layout, sandbox: Sandbox, artifacts: ArtifactStore):
        self._layout = layout
        self._sandbox = sandbox
        self._artifacts = artifacts
        self._toolchains = Toolchains()

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Build ``request.source``, which is consumed, and store the result.

        Cancelling the task kills the build. Raises ``DeploymentFailed``.
        """
        await self._require_sandbox()
        self._layout.ensure_folders()
        place = self._layout.build(request.deployment_id)
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                await asyncio.to_thread(_take_source, request, place)
                return await self._build(request, place, log)
        except TimeoutError:
            raise BuildTimeout(
                f"The build took longer than {BUILD_SECONDS // 60} minutes.",
                remedy="Make the build smaller, or check whether a command waits for input.",
            ) from None
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    async def _build(self, request: BuildRequest, place: Path, log: LogSink) -> Artifact:
        spec = request.spec
        interpreters = await self._interpreters(spec, log)
        shop = self._workshop(request, place, interpreters, log)
        cache = self._layout.cache(request.app.number)
        runtime = ",".join(f"{one.name} {one.version}" for one in interpreters)
        key = await asyncio.to_thread(dependency_key, shop.workdir, shop.root, spec, runtime)
        if key is not None and kept(cache, key):
            await log("info", "build", "Dependencies are unchanged: using the ones from before.")
            await self._copy(shop, f"/cache/dependencies/{key}/.", target="/app")
        else:
            await self._install(shop, interpreters)
            await self._keep_dependencies(shop, cache, key)
        if spec.build_command:
            await self._command(shop, spec.build_command, BuildFailed, "build")
        output = _output_folder(shop)
        manifest = place / "release.json"
        manifest.write_text(json.dumps({"interpreters": [one.as_json() for one in interpreters]}))
        manifest.chmod(0o644)
        artifact = await self._artifacts.pack(output, manifest, request.app.number, place)
        await log("info", "build", f"Stored the build: {artifact.size_bytes / 1024**2:.1f} MiB.")
        return artifact

    async def _require_sandbox(self) -> None:
        status = await self._sandbox.status()
        if not status.ok:
            raise BuildSandboxUnavailable(
                f"Builds run only in a sandbox, and this machine allows none: {status.reason}",
                remedy=status.remedy,
            )

    async def _interpreters(self, spec: BuildSpec, log: LogSink) -> list[Interpreter]:
        """The app's own interpreter first; a Python app may have a front end that needs Node."""
        found = []
        languages = {spec.language or "", *_languages_of(spec)}
        if "python" in languages:
            wanted = spec.runtime_version if spec.language == "python" else None
            found.append(await self._toolchains.python(wanted))
        if languages & {"node", "javascript", "typescript"}:
            wanted = None if spec.language == "python" else spec.runtime_version
            found.append(await self._toolchains.node(wanted))
        for interpreter, note in found:
            if note:
                await log("warn", "build", note)
            await log("info", "build", f"Using {interpreter.name} {interpreter.version}.")
        return [interpreter for interpreter, _ in found]

    def _workshop(
        self, request: BuildRequest, place: Path, interpreters: list[Interpreter], log: LogSink
    ) -> Workshop:
        number = request.app.number
        root = place / "app"
        workdir = root / request.spec.root_directory.strip("/")
        if not workdir.is_dir() or not workdir.resolve().is_relative_to(root.resolve()):
            raise BuildFailed(
                f"The root directory {request.spec.root_directory!r} does not exist.",
                remedy="Set the project's root directory to a folder of the repository.",
            )
        cache = ensure_app_folder(self._layout.cache(number), number)
        for name in ("home", "tools", "dependencies"):
            ensure_app_folder(cache / name, number)
        configuration = machine.current()
        binds = [
            Bind(root, "/app", writable=True),
            Bind(cache, "/cache", writable=True),
            Bind(ensure_app_folder(place / "tmp", number), "/tmp", writable=True),  # noqa: S108
            *(bind for one in interpreters for bind in one.binds()),
            *configuration.write(place / "machine"),
        ]
        shop = Workshop(request, root, workdir, tuple(binds), {}, log)
        shop.environment.update(configuration.environment)
        shop.environment.update(build_environment(shop.inside, interpreters))
        shop.environment.update(request.environment)
        shop.environment["PATH"] = search_path(shop.inside, interpreters)
        return shop

    async def _install(self, shop: Workshop, interpreters: list[Interpreter]) -> None:
        spec = shop.request.spec
        python = next((one for one in interpreters if one.name == "python"), None)
        if python is not None:
            venv = f"{shop.inside}/.venv"
            await self._run(shop, (python.program, "-m", "venv", "--clear", venv), InstallFailed)
        await self._ensure_package_manager(shop, python)
        if spec.install_command:
            await self._command(shop, spec.install_command, InstallFailed, "install")

    async def _ensure_package_manager(self, shop: Workshop, python: Interpreter | None) -> None:
        """Install the app's package manager into its cache when the machine has none."""
        manager = shop.request.spec.package_manager or ""
        tools = self._layout.cache(shop.request.app.number) / "tools"
        if manager in _NODE_MANAGERS and not (tools / "bin" / manager).exists():
            wanted = _declared_manager(shop.workdir, shop.root, manager)
            await shop.log("info", "build", f"Installing {wanted}.")
            argv = ("npm", "install", "--global", "--prefix", "/cache/tools", "--", wanted)
            await self._run(shop, argv, InstallFailed)
        if (
            manager in _PYTHON_MANAGERS
            and python
            and not (tools / manager / "bin" / manager).exists()
        ):
            await shop.log("info", "build", f"Installing {manager}.")
            venv = f"/cache/tools/{manager}"
            await self._run(shop, (python.program, "-m", "venv", "--clear", venv), InstallFailed)
            pip = (f"{venv}/bin/pip", "install", "--quiet", manager)
            await self._run(shop, pip, InstallFailed)

    async def _keep_dependencies(self, shop: Workshop, cache: Path, key: str | None) -> None:
        if key is None:
            return
        languages = [shop.request.spec.language, *_languages_of(shop.request.spec)]
        folders = [
            folder
            for name in dict.fromkeys(map(_family, languages))
            for folder in await asyncio.to_thread(installed_folders, shop.root, name)
        ]
        if not folders:
            return
        part = cache / "dependencies" / f"{key}.part"
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        ensure_app_folder(part, shop.request.app.number)
        await self._copy(shop, *folders, target=f"/cache/dependencies/{key}.part")
        part.replace(part.with_suffix(""))
        await asyncio.to_thread(prune, cache)

    async def _copy(self, shop: Workshop, *sources: str, target: str) -> None:
        parents = () if sources[0].startswith("/") else ("--parents",)
        argv = ("/bin/cp", "-a", "--reflink=auto", *parents, "--", *sources, target)
        await self._run(shop, argv, InstallFailed, cwd="/app")

    async def _command(
        self, shop: Workshop, command: str, failure: type[DeploymentFailed], what: str
    ) -> None:
        await shop.log("info", "build", f"$ {command}")
        argv = ("/bin/sh", "-c", command)
        await self._run(shop, argv, failure, title=f"The {what} command `{command}`")

    async def _run(
        self,
        shop: Workshop,
        argv: tuple[str, ...],
        failure: type[DeploymentFailed],
        *,
        title: str | None = None,
        cwd: str | None = None,
    ) -> None:
        """Run one command in the sandbox, its output to the log. Raises ``failure``."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)

        async def on_line(_stream: str, text: str) -> None:
            tail.append(text)
            await shop.log("info", "build", text)

        uid = app_uid(shop.request.app.number)
        spec = SandboxSpec(
            name=f"build-{shop.request.app.number}",
            argv=argv,
            cwd=cwd or shop.inside,
            uid=uid,
            gid=uid,
            binds=shop.binds,
            environment=shop.environment,
            limits=_LIMITS,
        )
        outcome = await self._sandbox.run(spec, on_line)
        name = title or f"`{' '.join(argv)}`"
        if outcome.out_of_memory and outcome.exit_code != 0:
            raise OutOfMemory(
                f"{name} needed more than {_LIMITS.memory_bytes // GIB} GiB of memory.",
                remedy="Reduce what the build does at once, or build with fewer workers.",
                log_tail=relevant_tail(tail),
            )
        if outcome.exit_code != 0:
            raise failure(
                f"{name} ended with exit code {outcome.exit_code}.",
                remedy=remedy_for(tail),
                log_tail=relevant_tail(tail),
            )


def build_environment(inside: str, interpreters: list[Interpreter]) -> dict[str, str]:
    """What each build has, and may be overridden by the app's own variables."""
    environment = {
        "HOME": "/cache/home",
        "USER": "app",
        "LANG": "C.UTF-8",
        "CI": "true",
        "TERM": "dumb",
        "NEXT_TELEMETRY_DISABLED": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_PROGRESS_BAR": "off",
        "PYTHONUNBUFFERED": "1",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "PIPENV_VENV_IN_PROJECT": "1",
    }
    if any(one.name == "python" for one in interpreters):
        environment["VIRTUAL_ENV"] = f"{inside}/.venv"
        environment["UV_PROJECT_ENVIRONMENT"] = f"{inside}/.venv"
        environment["UV_PYTHON_DOWNLOADS"] = "never"
    return environment


def search_path(inside: str, interpreters: list[Interpreter]) -> str:
    """PATH inside, for builds and for running apps alike."""
    folders = [f"{inside}/.venv/bin", f"{inside}/node_modules/.bin"]
    folders += [str(Path(one.program).parent) for one in interpreters if one.binds()]
    folders += [
        "/cache/tools/bin",
        *(f"/cache/tools/{name}/bin" for name in sorted(_PYTHON_MANAGERS)),
    ]
    return ":".join([*folders, DEFAULT_PATH])


def _take_source(request: BuildRequest, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    shutil.move(request.source, place / "app")
    give_to_app(place / "app", request.app.number)


def _family(language: str | None) -> str:
    return "node" if language in ("javascript", "typescript", "node") else language or ""


def _languages_of(spec: BuildSpec) -> set[str]:
    """The interpreters that the commands name besides the app's own."""
    words = " ".join(filter(None, (spec.install_command, spec.build_command, spec.start_command)))
    names = set(words.replace("&&", " ").replace(";", " ").split())
    found = set()
    if (
        names & {"npm", "npx", "node", "yarn", "pnpm", "bun"}
        or spec.package_manager in _NODE_MANAGERS
    ):
        found.add("node")
    if names & {"pip", "python", "python3", "uv", "poetry"}:
        found.add("python")
    return found


def _declared_manager(workdir: Path, root: Path, manager: str) -> str:
    """``pnpm@9.1.0`` when package.json names that version, else the newest."""
    for folder in (workdir, root):
        try:
            declared = json.loads((folder / "package.json").read_text()).get("packageManager")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(declared, str) and declared.startswith(f"{manager}@"):
            version = declared.split("+")[0]
            if all(letter.isalnum() or letter in "@.-" for letter in version):
                return version
    return manager


def _output_folder(shop: Workshop) -> Path:
    """What becomes the release: the output folder of a static app, else the whole tree."""
    spec = shop.request.spec
    if spec.kind != "static":
        return shop.root
    folder = shop.workdir / (spec.output_directory or ".").strip("/")
    root = shop.root.resolve()
    if not folder.is_dir() or not folder.resolve().is_relative_to(root):
        made = ", ".join(sorted(entry.name for entry in os.scandir(shop.workdir) if entry.is_dir()))
        raise BuildFailed(
            f"The build made no folder {spec.output_directory!r}.",
            remedy=f"Set the output directory to what the build makes. Folders there: {made}.",
        )
    return folder.resolve()
