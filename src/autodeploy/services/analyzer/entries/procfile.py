"""Procfile: the processes that the user named. They outrank every guess.

Format: https://devcenter.heroku.com/articles/procfile (read 2026-11).
"""

import re
from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles, line_of
from autodeploy.services.analyzer.plan import AppKind, Command

_LINE = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:(.*)")

# What the first word of a command says about the language, where no manifest does.
_LANGUAGES = {
    "python": "python", "python3": "python", "gunicorn": "python", "uvicorn": "python",
    "hypercorn": "python", "flask": "python", "streamlit": "python", "waitress-serve": "python",
    "node": "node", "npm": "node", "npx": "node", "yarn": "node", "pnpm": "node",
}  # fmt: skip


def processes(files: SourceFiles) -> dict[str, str]:
    """The command of each process type, in the order of the file; {} without a Procfile."""
    if not files.has("Procfile"):
        return {}
    found: dict[str, str] = {}
    for line in (files.text("Procfile") or "").splitlines():
        named = _LINE.match(line)
        if named and named.group(2).strip():
            found.setdefault(named.group(1), named.group(2).strip())
        elif line.strip() and not line.lstrip().startswith("#"):
            files.warn(f"{files.at('Procfile')}: the line `{line[:60]}` names no process.")
    return found


def language(files: SourceFiles, start: str | None = None) -> str | None:
    """The language that ``start``, else the web command, is written for; None when its program
    says nothing."""
    first = next(iter((start or processes(files).get("web", "")).split()), "")
    return _LANGUAGES.get(first)


def override(run: Run, files: SourceFiles) -> Run:
    """The run with what the Procfile names in place of what was guessed."""
    named = processes(files)
    if not named:
        return run
    text = files.text("Procfile") or ""
    for name in named:
        files.note("Procfile", f"names the process {name}", line_of(text, name))
    commands = {
        name: Command(command=line, reason=f"Procfile: {name}") for name, line in named.items()
    }
    web, release = commands.pop("web", None), commands.pop("release", None)
    run = replace(run, release=release or run.release, workers=commands)
    if web:
        kind = run.kind if run.kind is AppKind.SSR else AppKind.SERVER
        return replace(run, kind=kind, start=web, output_directory=None,
                       spa_fallback=False, found=True, declared=True)  # fmt: skip
    is_alone = run.start is None or run.kind is AppKind.WORKER
    if commands and is_alone and run.kind is not AppKind.STATIC:
        first = next(iter(commands.values()))
        return replace(run, kind=AppKind.WORKER, start=first, found=True, declared=True)
    return run
