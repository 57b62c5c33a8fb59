"""How a release runs: what its process sees, and with which variables."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.sandbox import GIB, Bind, Limits, SandboxSpec
from autodeploy.providers.base import Cron
from autodeploy.providers.local.environment import search_path
from autodeploy.providers.local.layout import Layout, app_uid, inside
from autodeploy.providers.local.machine import certificate_environment
from autodeploy.providers.local.manifest import read_interpreters
from autodeploy.providers.local.scripts import find_script
from autodeploy.providers.local.toolchain import Interpreter

APP_LIMITS = Limits(memory_bytes=1 * GIB, processes=512)


@dataclass(frozen=True)
class AppCommand:
    """One command of a release: its server, its worker, or the command that prepares it.

    ``workers`` and ``crons`` are those to run beside it; ``process`` is the name of one of them.
    ``argv`` is the same as arguments, where ``command`` is not a line for a shell.
    """

    deployment_id: UUID
    number: int
    command: str
    root_directory: str
    environment: Mapping[str, str] = field(repr=False)
    listens: bool = True
    workers: Mapping[str, str] = field(default_factory=dict)
    crons: Mapping[str, Cron] = field(default_factory=dict)
    process: str | None = None
    argv: tuple[str, ...] | None = None


def app_sandbox(
    layout: Layout, app: AppCommand, *, port: int | None, limits: Limits
) -> SandboxSpec:
    """The sandbox for ``app``; ``port`` is where it must listen, on 127.0.0.1."""
    release = layout.release(app.deployment_id)
    interpreters = read_interpreters(release)
    workdir = inside(app.root_directory)
    certificates, places = certificate_environment(os.environ)
    tools = layout.cache(app.number) / "tools"
    binds = [Bind(release / "app", "/app", writable=True), *places]
    binds += [bind for one in interpreters for bind in one.binds()]
    if tools.is_dir():
        binds.append(Bind(tools, "/cache/tools"))
    environment = {
        **_defaults(workdir, interpreters),
        **certificates,
        **app.environment,
        "PATH": search_path(workdir, interpreters),
    }
    environment |= _plug_n_play(release / "app", app, environment)
    argv, script = app.argv, None
    if argv is None:
        script = find_script(release / "app", app.root_directory, app.command, app.environment)
        argv = ("/bin/sh", "-c", script.command if script else app.command)
    if script is not None:
        environment |= script.environment
    if port is not None:
        environment["PORT"] = str(port)
    return SandboxSpec(
        name=f"app-{app.number}",
        argv=argv,
        cwd=workdir,
        uid=app_uid(app.number),
        gid=app_uid(app.number),
        binds=tuple(binds),
        environment=environment,
        limits=limits,
    )


def _plug_n_play(tree: Path, app: AppCommand, environment: Mapping[str, str]) -> Mapping[str, str]:
    """How Node finds packages where yarn laid out no node_modules. yarn itself says so, too.

    The options are those of https://yarnpkg.com/features/pnp (November 2026).
    """
    if app.command.split()[:1] == ["yarn"]:
        return {}
    folder = Path(app.root_directory.strip("/"))
    for place in (folder, *folder.parents):
        if not (tree / place / ".pnp.cjs").is_file():
            continue
        options = [environment.get("NODE_OPTIONS", ""), f"--require {inside(str(place))}/.pnp.cjs"]
        if (tree / place / ".pnp.loader.mjs").is_file():
            options.append(f"--experimental-loader {inside(str(place))}/.pnp.loader.mjs")
        return {"NODE_OPTIONS": " ".join(filter(None, options))}
    return {}


def _defaults(workdir: str, interpreters: Sequence[Interpreter]) -> dict[str, str]:
    environment = {
        "HOME": "/tmp",  # noqa: S108 - private to the sandbox
        "USER": "app",
        "LANG": "C.UTF-8",
        "HOST": "127.0.0.1",
        "NODE_ENV": "production",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "PYTHONUNBUFFERED": "1",
    }
    if any(one.name == "python" for one in interpreters):
        environment["VIRTUAL_ENV"] = f"{workdir}/.venv"
    return environment
