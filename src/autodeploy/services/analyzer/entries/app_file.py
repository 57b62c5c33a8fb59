"""``autodeploy.toml``: what the app's owner says. It outranks every guess, and the Procfile."""

from collections.abc import Iterable
from dataclasses import replace

from autodeploy.kernel.app_file import (
    APP_FILE,
    AppFile,
    AutodeployTomlInvalid,
    DeclaredVariable,
    line_of_key,
    parse_app_file,
)
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import AppKind, Command, EnvironmentVariable, Runtime
from autodeploy.services.analyzer.variables.classify import is_secret, type_of


def enter(files: SourceFiles) -> tuple[SourceFiles, AppFile]:
    """The folder of the app, and what is said of it.

    The file of a folder above counts where its ``root`` names this one. Raises
    ``AutodeployTomlInvalid``.
    """
    said = _read(files)
    if said is None:
        return files, _from_above(files)
    if not said.root:
        return files, said
    inner = SourceFiles(files.tree, files.at(said.root))
    if not inner.entries():
        raise AutodeployTomlInvalid(
            f"{files.at(APP_FILE)}: `root` is {said.root}, and there is no such folder.",
            field="root",
            remedy="Name the app's folder, relative to the folder of autodeploy.toml.",
        )
    return inner, _read(inner) or said


def _from_above(files: SourceFiles) -> AppFile:
    for above in files.parents():
        said = _read(above)
        if said is not None and said.root and above.at(said.root) == files.root:
            return said
    return AppFile()


def _read(files: SourceFiles) -> AppFile | None:
    if not files.has(APP_FILE):
        return None
    text = files.text(APP_FILE)
    if text is None:
        raise AutodeployTomlInvalid(
            f"{files.at(APP_FILE)} is no text, or too large.",
            field=APP_FILE,
            remedy="Save it as UTF-8, or remove it.",
        )
    said = parse_app_file(text, files.at(APP_FILE))
    for key in sorted(said.model_fields_set - {"project", "environment"}):
        files.note(APP_FILE, f"says {key}", line_of_key(text, (key,)))
    return said


def override(run: Run, said: AppFile) -> Run:
    """The run with what the file says in place of what was found."""
    run = replace(
        run,
        install=_command("install", said.install, run.install),
        build=_command("build", said.build, run.build),
        release=_command("release", said.release, run.release),
        workers={**run.workers, **_workers(said)},
    )
    if said.spa is not None and run.kind is AppKind.STATIC:
        run = replace(run, spa_fallback=said.spa)
    if said.output is not None:
        run = replace(run, start=None, output_directory=said.output or ".", workers={})
        return replace(run, kind=AppKind.STATIC, spa_fallback=bool(said.spa), found=True,
                       declared=True)  # fmt: skip
    if said.start is not None:
        start = _command("start", said.start, None)
        kind = run.kind if run.kind is AppKind.SSR else AppKind.SERVER
        return replace(run, kind=kind, start=start, output_directory=None,
                       spa_fallback=False, found=True, declared=True)  # fmt: skip
    return run


def _command(key: str, said: str | None, found: Command | None) -> Command | None:
    if said is None:
        return found
    return Command(command=said, reason=f"{APP_FILE}: {key}") if said.strip() else None


def _workers(said: AppFile) -> dict[str, Command]:
    return {
        name: Command(command=line, reason=f"{APP_FILE}: workers.{name}")
        for name, line in said.workers.items()
    }


def runtime(said: AppFile, language: str, found: Runtime | None) -> Runtime | None:
    """The runtime in the version that the file asks for."""
    asked = {"node": said.node, "python": said.python}.get(language)
    if asked is None:
        return found
    return Runtime(name=language, version_request=asked, source=APP_FILE)


def with_declared(
    variables: Iterable[EnvironmentVariable], said: AppFile, files: SourceFiles
) -> tuple[EnvironmentVariable, ...]:
    """The variables with what the file says of them, and those that it alone names."""
    known = {variable.key: variable for variable in variables}
    text = files.text(APP_FILE) or "" if files.has(APP_FILE) else ""
    for key, declared in said.variables.items():
        found = known.get(key) or EnvironmentVariable(
            key=key,
            required=False,
            secret=is_secret(key, type_of(key, None)),
            type=type_of(key, None),
            file=files.at(APP_FILE),
            line=line_of_key(text, ("variables", key)) or 0,
        )
        known[key] = found.model_copy(update=_changes(declared))
    return tuple(known[key] for key in sorted(known))


def _changes(declared: DeclaredVariable) -> dict[str, object]:
    said = declared.model_dump(exclude_none=True)
    if "build" in said:
        said["build_time"] = said.pop("build")
    return said
