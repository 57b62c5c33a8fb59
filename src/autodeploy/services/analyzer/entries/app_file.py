"""``autodeploy.toml``: what the app's owner says. It outranks every guess, and the Procfile."""

from collections.abc import Iterable

from autodeploy.kernel.app_file import (
    APP_FILE,
    AppFile,
    AutodeployTomlInvalid,
    DeclaredVariable,
    line_of_key,
    parse_app_file,
)
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import EnvironmentVariable, Needed
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
            reason=f"named in {APP_FILE}",
            secret=is_secret(key, type_of(key, None)),
            type=type_of(key, None),
            file=files.at(APP_FILE),
            line=line_of_key(text, ("variables", key)) or 0,
        )
        known[key] = found.model_copy(update=_changes(declared))
    return tuple(known[key] for key in sorted(known))


def _changes(declared: DeclaredVariable) -> dict[str, object]:
    said = declared.model_dump(exclude_none=True)
    if "required" in said:
        said["reason"] = f"{APP_FILE} says so"
        said["needed"] = Needed.AT_START if declared.required else None
    if "build" in said:
        said["build_time"] = said.pop("build")
    return said
