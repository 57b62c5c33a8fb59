"""``explain``: what an error code means and what to do, without a platform or a network."""

import sys
from difflib import get_close_matches
from typing import Annotated

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.pages import EXAMPLE, HAPPENED, TO_DO, WHY, Page, all_codes, find_page
from autodeploy.cli.terminal import print_json, print_table


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            help="An error code; without one, all of them.",
            autocompletion=lambda incomplete: [
                known for known in all_codes() if known.startswith(incomplete)
            ],
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what an error code means, why it comes up and what to do.

    \b
    Example:
      autodeploy explain lock_file_outdated
    """
    if code is None:
        _list(as_json)
        return
    page = _page(code)
    if as_json:
        print_json(_as_object(page))
    elif sys.stdout.isatty():
        _render(page)
    else:
        typer.echo(page.markdown, nl=False)


def _list(as_json: bool) -> None:
    pages = [page for page in map(find_page, all_codes()) if page is not None]
    if as_json:
        print_json({"errors": [{"code": page.code, "summary": page.summary} for page in pages]})
    else:
        print_table(("CODE", "WHAT HAPPENED"), [(page.code, page.summary) for page in pages])


def _page(code: str) -> Page:
    """Raises ``CommandError`` with the code that was probably meant."""
    wanted = code.strip().strip("()").lower().replace("-", "_")
    page = find_page(wanted)
    if page is not None:
        return page
    near = get_close_matches(wanted, all_codes(), n=1)
    meant = f"Did you mean `autodeploy explain {near[0]}`? " if near else ""
    raise CommandError(
        f"There is no error code {code!r}.",
        remedy=f"{meant}`autodeploy explain` lists them all.",
        exit_code=ExitCode.USAGE,
    )


def _as_object(page: Page) -> dict[str, str]:
    example = page.sections[EXAMPLE].removeprefix("```text\n").removesuffix("\n```")
    return {
        "code": page.code,
        "summary": page.summary,
        "whatHappened": page.sections[HAPPENED],
        "why": page.sections[WHY],
        "whatToDo": page.sections[TO_DO],
        "example": example,
    }


def _render(page: Page) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(page.markdown))
