"""The command line as a user starts it, in a process of its own."""

import os
import subprocess
from pathlib import Path

from autodeploy.kernel.process import python_argv


def run(
    folder: Path, *arguments: str, stdin: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run ``autodeploy`` in ``folder`` as a user without any configuration, and without a
    terminal; it ends without a traceback."""
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    ended = subprocess.run(
        python_argv(*arguments),
        env={**known, **environment},
        cwd=folder,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended
