"""Elixir: Mix builds it; Phoenix also builds assets and migrates its database.

Source: https://hexdocs.pm/phoenix/deployment.html (read 2026-11).
"""

import re
from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles, table
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import Command

_ASSETS = re.compile(r"[\"']assets\.deploy[\"'][ \t]*:")
_STARTS = re.compile(r"\bmod:[ \t\n]*\{")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run an Elixir app; one that starts no application is a library."""
    found = program_run(packages, record, _program(files, packages, record))
    # Ecto's tasks come with ecto_sql; without a repository of its own there is nothing to do.
    if packages.has("ecto_sql") and files.glob("priv/*/migrations/*.exs"):
        release = Command(
            command="MIX_ENV=prod mix ecto.migrate", reason="mix.exs names ecto_sql; priv/ migrates"
        )
        found = replace(found, release=release)
    return found


def _with_node(files: SourceFiles) -> str:
    """How assets were built before Phoenix 1.6: by Node, in a folder of their own."""
    scripts = table(files.json("assets/package.json"), "scripts")
    script = next((name for name in ("deploy", "build") if name in scripts), None)
    if script is None:
        return ""
    npm = "npm --prefix assets"
    return f" && {npm} install && {npm} run {script} && MIX_ENV=prod mix phx.digest"


def _program(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Program | None:
    if packages.manager is None:
        scripts = files.glob("*.exs")
        return (
            Program(None, f"elixir {scripts[0]}", "the only script") if len(scripts) == 1 else None
        )
    codes = [files.code(path) for path in ("mix.exs", *files.glob("apps/*/mix.exs"))]
    if record.generic and not any(_STARTS.search(code) for code in codes):
        return None
    build = "MIX_ENV=prod mix compile"
    if any(_ASSETS.search(code) for code in codes):
        build += " && MIX_ENV=prod mix assets.deploy"
    elif record.slug == "phoenix":
        build += _with_node(files)
    return Program(build, "MIX_ENV=prod mix run --no-halt", "mix.exs names the application")
