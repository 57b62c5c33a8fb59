"""``completion``: the shell completes commands, options, projects and organizations."""

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script, install

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.terminal import print_json, say

PROGRAM = "autodeploy"
VARIABLE = "_AUTODEPLOY_COMPLETE"


class Shell(StrEnum):
    """The shells whose completion is tried."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


ShellArgument = Annotated[Shell | None, typer.Argument(help="Default: the shell that runs this.")]

completion_app = typer.Typer(
    name="completion",
    help="Complete commands, options, projects and organizations in your shell.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add the group, and answer the shells that ask."""
    completion_init()
    app.add_typer(completion_app, rich_help_panel="This command line")


@completion_app.command("show")
def show(shell: ShellArgument = None) -> None:
    """Print the completion script, to look at it or to put it where you like.

    \b
    Example:
      autodeploy completion show bash > /etc/bash_completion.d/autodeploy
    """
    typer.echo(_script(shell or _running_shell()))


@completion_app.command("install")
def install_script(
    shell: ShellArgument = None,
    as_json: Json = False,
) -> None:
    """Install the completion script for your user; new shells have it.

    \b
    Example:
      autodeploy completion install zsh
    """
    chosen = shell or _running_shell()
    _, path = install(shell=chosen.value, prog_name=PROGRAM, complete_var=VARIABLE)
    path.write_text(f"{_script(chosen)}\n", encoding="utf-8")
    if as_json:
        print_json({"shell": chosen.value, "path": str(path)})
    else:
        say(f"Installed {path}. Open a new {chosen.value} to have it.")


def _script(shell: Shell) -> str:
    """What the shell is to read. zsh runs the file itself at the first Tab (zshcompsys(1), "Use of
    compinit"): it has to complete then, and not only to prepare for the next one."""
    script = get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell.value)
    if shell is not Shell.ZSH:
        return script
    function = f"_{PROGRAM}_completion"
    prepare = f"compdef {function} {PROGRAM}"
    assert script.endswith(prepare)
    first = f"if [[ $funcstack[1] == _{PROGRAM} ]]; then\n  {function}\nelse\n  {prepare}\nfi"
    return script.removesuffix(prepare) + first


def _running_shell() -> Shell:
    """The shell that this was started from. Raises ``CommandError`` when it is not a known one."""
    import shellingham

    try:
        name, _ = shellingham.detect_shell()
        return Shell(name)
    except (shellingham.ShellDetectionFailure, ValueError):
        raise CommandError(
            "Which shell runs this cannot be told.",
            remedy=f"Name it: {', '.join(Shell)}.",
            exit_code=ExitCode.USAGE,
        ) from None
