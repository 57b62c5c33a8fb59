"""Shell: the script that starts, run by the shell that its first line names."""

import re
import shlex

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Scripts that start something by their name, likeliest first.
SCRIPTS = ("start.sh", "run.sh", "main.sh", "server.sh", "app.sh", "entrypoint.sh")

_FIRST_LINE = re.compile(r"#![ \t]*(?:/usr/bin/env[ \t]+)?(?:/\w+)*/?\b(bash|dash|ksh|sh|zsh)\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run a script; scripts of other names do something for people."""
    script = next((path for path in SCRIPTS if files.has(path)), None)
    if script is None:
        return Run(kind=AppKind.LIBRARY, found=False)
    files.note(script, "is the script that is started")
    named = _FIRST_LINE.match(files.text(script) or "")
    shell = named.group(1) if named else "bash"
    if "PORT" not in (files.text(script) or ""):
        files.warn(f"Nothing in {script} shows that it listens on $PORT.")
    return Run(
        kind=record.kind,
        start=Command(
            command=f"{shell} {shlex.quote(script)}",
            reason=f"{script} is the entry point by its name",
        ),
    )
