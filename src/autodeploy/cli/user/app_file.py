"""What ``autodeploy.toml`` tells the command line: which project and environment are meant."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from autodeploy.cli.failures import CommandError, ExitCode

if TYPE_CHECKING:
    from autodeploy.kernel.app_file import AppFile

DEFAULT_ENVIRONMENT = "production"


def read_app_file(folder: Path) -> "AppFile":
    """The file of a folder; an empty one where there is none.

    Raises:
        AutodeployTomlInvalid: with the line and the key.
        CommandError: it cannot be read.
    """
    from autodeploy.kernel.app_file import APP_FILE, AppFile, parse_app_file

    path = folder / APP_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return AppFile()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CommandError(
            f"{path} cannot be read: {reason}.",
            remedy="Correct or remove it; `autodeploy init` writes a new one.",
            exit_code=ExitCode.USAGE,
        ) from None
    return parse_app_file(text)


def require_project_name(name: str | None) -> None:
    """Raise ``CommandError`` for what cannot be the name of a project; None is none."""
    if name is not None and not (name.strip() and name.isprintable() and len(name) <= 255):
        raise CommandError(
            f"{name!r} cannot be the name of a project.",
            remedy="Give --project 1 to 255 printable characters.",
            exit_code=ExitCode.USAGE,
        )


def current_folder() -> Path:
    """Where the user is. Raises ``CommandError`` when that folder was removed meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise CommandError(
            "The current folder is gone.",
            remedy="Go to a folder that is there.",
            exit_code=ExitCode.USAGE,
        ) from None


def real_path(path: Path) -> Path:
    """``path`` with all links followed; ``Path.resolve`` would raise for those in a circle, which
    are no folder of anybody's."""
    return Path(os.path.realpath(path))


def environment_name(given: str | None, *, elsewhere: bool, folder: Path | None = None) -> str:
    """The environment that is meant: the given one, else the folder's, else production.

    ``elsewhere`` says that the command is not about the app of the folder (by default the current
    one), so that its file does not count. Raises ``CommandError`` for what cannot be a name.
    """
    if given is not None:
        return _checked(given)
    said = None if elsewhere else read_app_file(folder or current_folder()).environment
    return said or DEFAULT_ENVIRONMENT


def _checked(name: str) -> str:
    from autodeploy.kernel.app_file import environment_name

    try:
        return environment_name(name)
    except ValueError as error:
        raise CommandError(
            f"{name!r} cannot be an environment: it {error}.",
            remedy="Name one such as production or staging.",
            exit_code=ExitCode.USAGE,
        ) from None
