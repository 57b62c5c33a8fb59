"""Builds an app: interpreter, dependencies, build command, archive. All of it in a sandbox."""

import asyncio
import os
import shutil
from pathlib import Path

from autodeploy.kernel.sandbox import Bind, Sandbox
from autodeploy.kernel.threads import run_to_end
from autodeploy.providers.base import Artifact, BuildRequest, BuildSpec, LogSink
from autodeploy.providers.local import caches, machine
from autodeploy.providers.local.artifact import ArtifactStore
from autodeploy.providers.local.dependencies import (
    dependency_key,
    installed_folders,
    kept,
    link_trees,
    prune,
    remove_installed,
)
from autodeploy.providers.local.engines import Need, installed_needs, remember, remembered
from autodeploy.providers.local.environment import (
    build_environment,
    family,
    languages_of,
    search_path,
)
from autodeploy.providers.local.errors import (
    BuildFailed,
    BuildSandboxUnavailable,
)
from autodeploy.providers.local.fingerprints import Fingerprints
from autodeploy.providers.local.installation import install_dependencies
from autodeploy.providers.local.layout import (
    Layout,
    ensure_app_folder,
    give_to_app,
)
from autodeploy.providers.local.limits import BuildLimits, Recorded, within
from autodeploy.providers.local.managers import (
    NODE_MANAGERS,
    choose_managers,
    ensure_manager,
    manager_environment,
)
from autodeploy.providers.local.manifest import write_manifest
from autodeploy.providers.local.provisioning import better_node, choose_node, ensure_node, make_venv
from autodeploy.providers.local.room import in_use, make_room
from autodeploy.providers.local.sources import is_inside
from autodeploy.providers.local.toolchain import Interpreter, Toolchains
from autodeploy.providers.local.workshop import Workshop

_NODE = frozenset({"node", "javascript", "typescript"})


class Builder:
    """Builds on this machine. Holds no state of a build."""

    def __init__(
        self, layout: Layout, sandbox: Sandbox, artifacts: ArtifactStore, limits: BuildLimits
    ):
        self._layout = layout
        self._limits = limits
        self._sandbox = sandbox
        self._artifacts = artifacts
        self._toolchains = Toolchains()

    async def build(self, request: BuildRequest, log: LogSink) -> Artifact:
        """Build what ``request.fetch`` brings, which is consumed, and store the result.

        Cancelling the task kills the build. Raises ``DeploymentFailed``.
        """
        await self._require_sandbox(log)
        self._layout.ensure_folders()
        await make_room(self._layout)
        with in_use(self._layout.cache(request.app.number)):
            source = await request.fetch()
            return await self._build_within(request, source, Recorded(log))

    async def _build_within(self, request: BuildRequest, source: Path, said: Recorded) -> Artifact:
        """The build, in a folder of its own and as long and large as it may be."""
        place = self._layout.new_build(request.deployment_id)
        written = [place, *self._cache_folders(request.app.number)]
        try:
            return await within(
                self._limits, self._build(request, source, place, said.write), written, said
            )
        finally:
            await run_to_end(shutil.rmtree, place, ignore_errors=True)

    def _cache_folders(self, number: int) -> list[Path]:
        """What builds of an app may write to and later ones find.

        The cache itself and the kept dependencies are ours: a build that could replace them with
        links would have us follow these with our rights.
        """
        cache = self._layout.cache(number)
        for folder in (cache, cache / "dependencies"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [ensure_app_folder(cache / name, number) for name in ("home", "tools")]

    async def _build(
        self, request: BuildRequest, source: Path, place: Path, log: LogSink
    ) -> Artifact:
        await _take_source(source, place, request.app.number)
        spec = request.spec
        interpreters = await self._interpreters(spec, log)
        shop = self._workshop(request, place, interpreters, log)
        fingerprints = await asyncio.to_thread(Fingerprints, spec, shop.root, shop.workdir)
        shop, interpreters = await self._with_needed_node(shop, place, interpreters)
        if spec.build_command:
            work = caches.framework_cache(shop)
            await shop.command(spec.build_command, BuildFailed, "build", binds=work)
        output = _output_folder(shop)
        named = await asyncio.to_thread(fingerprints.below, output)
        manifest = write_manifest(place, interpreters, named)
        artifact = await self._artifacts.pack(
            output, manifest, request.app.number, request.deployment_id
        )
        try:
            await self._artifacts.adopt(
                output,
                manifest,
                self._layout.release(request.deployment_id),
                request.app.number,
                public=spec.kind == "static",
            )
        except BaseException:
            await self._artifacts.remove(artifact)  # nobody learns of it
            raise
        await log("info", "build", f"Stored the build: {artifact.size_bytes / 1024**2:.1f} MiB.")
        return artifact

    async def _require_sandbox(self, log: LogSink) -> None:
        status = await self._sandbox.status()
        if not status.ok:
            raise BuildSandboxUnavailable(
                f"Builds run only in a sandbox, and this machine allows none: {status.reason}",
                remedy=status.remedy,
            )
        if self._sandbox.warning:
            await log("warn", "build", self._sandbox.warning)

    async def _interpreters(self, spec: BuildSpec, log: LogSink) -> list[Interpreter]:
        """The app's own interpreter first; another app may have a front end that needs Node."""
        found = []
        languages = {spec.language or "", *languages_of(spec)}
        if "python" in languages:
            wanted = spec.runtime_version if spec.language == "python" else None
            found.append(await self._toolchains.python(wanted))
        if languages & _NODE:
            wanted = spec.runtime_version if _is_node(spec) else None
            found.append(await choose_node(self._toolchains, wanted))
        for interpreter, note in found:
            if note:
                await log("warn", "build", note)
            await log("info", "build", f"Using {interpreter.name} {interpreter.version}.")
        return [interpreter for interpreter, _ in found]

    async def _with_needed_node(
        self, shop: Workshop, place: Path, interpreters: list[Interpreter]
    ) -> tuple[Workshop, list[Interpreter]]:
        """Equip the workshop and install the dependencies, with a Node on which they run.

        What packages say of themselves once they are installed may ask for another than the
        first choice; they are then installed anew.
        """
        node = next((one for one in interpreters if one.name == "node"), None)
        spec = shop.request.spec
        if node is None or node.is_cached:
            return shop, await self._with_dependencies(shop, interpreters)
        needs = await asyncio.to_thread(remembered, shop)
        found = None if needs else await self._with_dependencies(shop, interpreters)
        if found is not None:
            needs = await asyncio.to_thread(installed_needs, shop)
        own = spec.runtime_version if _is_node(spec) else None
        asked = [*needs, *([Need("The app", own)] if own else [])]
        better = await better_node(shop, self._toolchains, node, asked)
        if better is None:
            return shop, found or await self._with_dependencies(shop, interpreters)
        if found is not None:
            await asyncio.to_thread(remember, shop, needs)
            await asyncio.to_thread(remove_installed, shop.root, "node")
        chosen = [better if one is node else one for one in interpreters]
        shop = self._workshop(shop.request, place, chosen, shop.log)
        return shop, await self._with_dependencies(shop, chosen)

    async def _with_dependencies(
        self, shop: Workshop, interpreters: list[Interpreter]
    ) -> list[Interpreter]:
        """Install what the app depends on, or take it from before. Returns what is on PATH."""
        for one in interpreters:
            if one.name == "node":
                await ensure_node(shop, one, (await self._toolchains.python(None))[0])
        found = await self._with_manager(shop, interpreters)
        runtime = ",".join(f"{one.name} {one.version}" for one in found)
        spec = shop.request.spec
        key = await asyncio.to_thread(dependency_key, shop.workdir, shop.root, spec, runtime)
        if key is not None and kept(shop.cache, key):
            said = "Dependencies are unchanged: using the ones from before."
            await shop.log("info", "build", said)
            await link_trees(shop.cache / "dependencies" / key, ["."], shop.root)
        else:
            await self._install(shop, found)
            await self._keep_dependencies(shop, shop.cache, key)
            await caches.bound(shop.cache)
        return found

    def _workshop(
        self, request: BuildRequest, place: Path, interpreters: list[Interpreter], log: LogSink
    ) -> Workshop:
        number = request.app.number
        root = place / "app"
        workdir = root / request.spec.root_directory.strip("/")
        if not workdir.is_dir() or not is_inside(workdir, root):
            raise BuildFailed(
                f"The root directory {request.spec.root_directory!r} does not exist.",
                remedy="Set the project's root directory to a folder of the repository.",
            )
        configuration = machine.current()
        binds = [
            Bind(root, "/app", writable=True),
            *(
                Bind(folder, f"/cache/{folder.name}", writable=True)
                for folder in self._cache_folders(number)
            ),
            Bind(ensure_app_folder(place / "tmp", number), "/tmp", writable=True),  # noqa: S108
            *(bind for one in interpreters for bind in one.binds()),
            *configuration.write(place / "machine"),
        ]
        cache = self._layout.cache(number)
        shop = Workshop(
            self._sandbox, request, root, workdir, cache, tuple(binds), {}, log, self._limits
        )
        shop.environment.update(configuration.environment)
        shop.environment.update(build_environment(shop.inside, interpreters))
        shop.environment.update(request.environment)
        shop.environment["PATH"] = search_path(shop.inside, interpreters)
        return shop

    async def _with_manager(
        self, shop: Workshop, interpreters: list[Interpreter]
    ) -> list[Interpreter]:
        """The interpreters with the app's package managers, which are installed and on PATH."""
        python = _python_of(interpreters)
        found = interpreters
        for manager in choose_managers(shop, python):
            await ensure_manager(shop, manager, python)
            # Before Node, which brings an npm of its own; after Python, whose folder has a python.
            front = manager.name in NODE_MANAGERS
            tool = [manager.interpreter()]
            found = [*tool, *found] if front else [*found, *tool]
            shop.environment["PATH"] = search_path(shop.inside, found)
            for name, value in manager_environment(shop, manager).items():
                shop.environment.setdefault(name, value)
        return found

    async def _install(self, shop: Workshop, interpreters: list[Interpreter]) -> None:
        python = _python_of(interpreters)
        if python is not None:
            await make_venv(shop, python)
        command = shop.request.spec.install_command
        if command:
            await install_dependencies(shop, command)

    async def _keep_dependencies(self, shop: Workshop, cache: Path, key: str | None) -> None:
        if key is None:
            return
        languages = [shop.request.spec.language, *languages_of(shop.request.spec)]
        folders = [
            folder
            for name in dict.fromkeys(map(family, languages))
            for folder in await asyncio.to_thread(installed_folders, shop.root, name)
        ]
        if not folders:
            return
        part = cache / "dependencies" / f"{key}.part"
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        ensure_app_folder(part, shop.request.app.number)
        await link_trees(shop.root, folders, part)
        part.replace(part.with_suffix(""))
        await asyncio.to_thread(prune, cache)


def _is_node(spec: BuildSpec) -> bool:
    """Whether the version that the app asks for is one of Node, and not of another runtime."""
    return spec.language in {None, *_NODE}


def _python_of(interpreters: list[Interpreter]) -> Interpreter | None:
    return next((one for one in interpreters if one.name == "python"), None)


async def _take_source(source: Path, place: Path, number: int) -> None:
    """Move the source to where it is built."""

    def take() -> None:
        shutil.move(source, place / "app")
        give_to_app(place / "app", number)

    await run_to_end(take)


def _output_folder(shop: Workshop) -> Path:
    """What becomes the release: the output folder of a static app, else the whole tree."""
    spec = shop.request.spec
    if spec.kind != "static":
        return shop.root
    folder = shop.workdir / (spec.output_directory or ".").strip("/")
    if not folder.is_dir() or not is_inside(folder, shop.root):
        # The build may have put a link in the place of its own working folder.
        listed = shop.workdir if is_inside(shop.workdir, shop.root) else shop.root
        folders = (entry.name for entry in os.scandir(listed) if Path(entry).is_dir())
        made = ", ".join(sorted(folders))
        raise BuildFailed(
            f"The build made no folder {spec.output_directory!r}.",
            remedy=f"Set the output directory to what the build makes. Folders there: {made}.",
        )
    return folder.resolve()
