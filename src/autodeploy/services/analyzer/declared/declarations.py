"""Everything that the files of a folder declare, ranked."""

from collections.abc import Callable, Mapping

from autodeploy.kernel.app_file import AppFile
from autodeploy.services.analyzer.declared import (
    app_file,
    compose,
    dockerfile,
    fly,
    heroku,
    netlify,
    nixpacks,
    procfile,
    railpack,
    railway,
    render,
    vercel,
)
from autodeploy.services.analyzer.declared.base import Declared, Source
from autodeploy.services.analyzer.declared.precedence import Ranked, rank
from autodeploy.services.analyzer.evidence import SourceFiles

READERS: Mapping[Source, Callable[[SourceFiles], Declared | None]] = {
    Source.PROCFILE: procfile.declare,
    Source.RAILWAY: railway.declare,
    Source.RENDER: render.declare,
    Source.FLY: fly.declare,
    Source.RAILPACK: railpack.declare,
    Source.NIXPACKS: nixpacks.declare,
    Source.HEROKU: heroku.declare,
    Source.VERCEL: vercel.declare,
    Source.NETLIFY: netlify.declare,
    Source.DOCKERFILE: dockerfile.declare,
    Source.COMPOSE: compose.declare,
}

# What the first word of a command says about the language, where no manifest does.
_PROGRAMS = {
    "python": "python", "python3": "python", "gunicorn": "python", "uvicorn": "python",
    "hypercorn": "python", "flask": "python", "streamlit": "python", "waitress-serve": "python",
    "node": "node", "npm": "node", "npx": "node", "yarn": "node", "pnpm": "node",
    "go": "go", "java": "java", "dotnet": "dotnet", "mix": "elixir", "lein": "clojure",
    "sbt": "scala", "cargo": "rust", "ruby": "ruby", "bundle": "ruby", "rackup": "ruby",
    "puma": "ruby", "rails": "ruby", "php": "php", "deno": "deno", "sh": "shell", "bash": "shell",
}  # fmt: skip


def declarations(files: SourceFiles, said: AppFile | None = None) -> Ranked:
    """What the owner wrote of the app in the folder of ``files``; ``said`` in autodeploy.toml."""
    found = {source: read(files) for source, read in READERS.items()}
    declared = {source: one for source, one in found.items() if one is not None}
    if said is not None:
        declared[Source.APP_FILE] = app_file.declare(said, files)
    return rank(declared, files)


def language_said(ranked: Ranked) -> str | None:
    """The language that the start command is written for, else the one of the base image."""
    for part in (ranked.before, ranked.after):
        word = next(iter(part.start.value.split()), "") if part.start else ""
        if word in _PROGRAMS:
            return _PROGRAMS[word]
    return ranked.after.language.value if ranked.after.language else None
