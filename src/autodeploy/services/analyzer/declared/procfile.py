"""Procfile: the processes that the owner named.

Format: https://devcenter.heroku.com/articles/procfile (read 2026-11).
"""

import re

from autodeploy.services.analyzer.declared.base import Declared, Said, Source
from autodeploy.services.analyzer.evidence import SourceFiles, line_of

_LINE = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:(.*)")


def declare(files: SourceFiles) -> Declared | None:
    """What the Procfile says: it names all processes there are."""
    named = processes(files)
    if not named:
        return None
    text = files.text("Procfile") or ""
    workers = {}
    for name, line in named.items():
        number = line_of(text, name)
        files.note("Procfile", f"names the process {name}", number)
        workers[name] = Said(line, Source.PROCFILE, files.at("Procfile"), name, number)
    return Declared(
        start=workers.pop("web", None), release=workers.pop("release", None), workers=workers
    )


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
