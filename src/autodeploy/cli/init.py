"""``init``: looks at a folder as the platform would, and writes its ``autodeploy.toml``.

It needs no platform: the analysis runs here, and runs nothing of the folder's code.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.questions import ask
from autodeploy.cli.terminal import print_json, printable, say
from autodeploy.cli.user.app_file import current_folder, real_path, require_project_name

if TYPE_CHECKING:
    from autodeploy.services.analyzer.plan import Plan


def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder of the app, or of its repository.")
    ] = Path(),
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Project; default: named after the folder")
    ] = None,
    root: Annotated[
        str, typer.Option("--root", help="Folder of the app inside the repository.")
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Replace a file that is there, without asking.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at a folder and write an autodeploy.toml for it, with every key explained.

    \b
    Examples:
      autodeploy init
      autodeploy init --root apps/web --yes
    """
    from autodeploy.cli.template import app_file_text
    from autodeploy.cli.user.sources import project_slug
    from autodeploy.kernel.app_file import APP_FILE, parse_app_file

    require_project_name(project)
    place = _existing(folder)
    plan = _analyzed(place, root)
    name = project or project_slug(place.name)
    target = place / APP_FILE
    _ask_to_replace(target, yes=yes)
    text = app_file_text(plan, project=name, root=root)
    parse_app_file(text)
    if target.is_symlink():  # a repository's own may lead to any file of ours
        target.unlink()
    target.write_text(text, encoding="utf-8")
    if as_json:
        shown = plan.model_dump(mode="json", by_alias=True)
        print_json({"path": str(target), "project": name, "plan": shown})
        return
    for label, text in _found(plan).items():
        say(f"{label:<9} {printable(text)}")
    for warning in plan.warnings:
        say(f"Warning: {printable(warning)}")
    if plan.apps:
        say("Choose one of the apps: give --root here, or say `root` in the file.")
    say(f"Wrote {target}. Change what is wrong in it; `autodeploy deploy` obeys it.")


def _existing(folder: Path) -> Path:
    place = real_path(current_folder() / folder.expanduser())
    if not place.is_dir():
        raise CommandError(
            f"There is no folder {place}.",
            remedy="Name the folder of an app.",
            exit_code=ExitCode.USAGE,
        )
    return place


def _analyzed(folder: Path, root: str) -> "Plan":
    """The plan of the folder as it is without its own ``autodeploy.toml``, which is to be made."""
    from autodeploy.kernel.app_file import APP_FILE
    from autodeploy.services.analyzer.engine import analyze
    from autodeploy.services.analyzer.tree import FolderTree

    class Unsettled(FolderTree):
        def entries(self, folder: str) -> Mapping[str, bool]:
            found = super().entries(folder)
            return {name: kind for name, kind in found.items() if name != APP_FILE}

    if root and not real_path(folder / root).is_relative_to(folder):
        raise CommandError(
            f"{root} is not inside {folder}.",
            remedy="Give --root a folder below it, such as apps/web.",
            exit_code=ExitCode.USAGE,
        )
    if root and not (folder / root).is_dir():
        raise CommandError(
            f"There is no folder {root} in {folder}.",
            remedy="Give --root a folder below it, such as apps/web.",
            exit_code=ExitCode.USAGE,
        )
    return analyze(Unsettled(folder), root)


def _ask_to_replace(target: Path, *, yes: bool) -> None:
    if yes or not os.path.lexists(target):
        return
    question = f"{target} is there already. Replace it? [y/N]"
    answer = ask(question, remedy="Give --yes to replace it.")
    if answer.lower() not in ("y", "yes"):
        raise CommandError(
            "Nothing was changed.", remedy="Give --yes to replace it.", exit_code=ExitCode.USAGE
        )


def _found(plan: "Plan") -> dict[str, str]:
    """What a person wants to see of a plan."""
    framework = plan.framework.name if plan.framework else None
    runtime = plan.runtime
    version = f" ({runtime.name} {runtime.version_request or 'of any version'})" if runtime else ""
    commands = {
        "Install": plan.install_command,
        "Build": plan.build_command,
        "Release": plan.release_command,
        "Start": plan.start_command,
    }
    needs = ", ".join(need.kind for need in plan.services)
    parts = {
        "Found": f"{framework or plan.language_name or 'nothing that is known'}{version}",
        **{label: command.command for label, command in commands.items() if command},
        "Output": plan.output_directory if plan.kind == "static" else None,
        "Needs": needs or None,
        "Apps": ", ".join(plan.apps) or None,
    }
    return {label: text for label, text in parts.items() if text}
