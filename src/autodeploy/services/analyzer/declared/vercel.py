"""``vercel.json`` (https://vercel.com/docs/project-configuration, 2026-11)."""

import re

from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.evidence import SourceFiles

# Of rewrites: every path (`/(.*)`, `/:path*`, `/((?!api/).*)`), answered with the first page.
_EVERY_PATH = re.compile(r"\^?/?(?:\(.{0,200}\.[*+]\)|:\w{1,50}[*+]|\.\*|\*)\$?")
_FIRST_PAGE = ("/", "/index.html", "index.html")
_LACKS = {
    "crons": "scheduled requests",
    "redirects": "redirects",
    "headers": "headers of its own",
}


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.VERCEL)
    if document is None:
        return None
    document.lacks(_LACKS)
    runtime, build = document.part("env"), document.part("build", "env")
    variables = [
        *(_variable(runtime, key, value) for key, value in runtime.items()),
        *(_variable(build, key, value, build=True) for key, value in build.items()),
    ]
    return Declared(
        install=document.command("installCommand"),
        build=document.command("buildCommand"),
        output_directory=document.folder("outputDirectory"),
        spa_fallback=_spa_fallback(document),
        variables=tuple(one for one in variables if one),
    )


def _variable(
    document: Document, key: str, value: object, *, build: bool | None = None
) -> SaidVariable | None:
    # A value that begins with @ is the name of one that Vercel keeps.
    is_secret = isinstance(value, str) and value.startswith("@")
    return document.variable(
        key, secret=is_secret or None, build=build, default=None if is_secret else value
    )


def _spa_fallback(document: Document) -> Said[bool] | None:
    for key, source, target in (("rewrites", "source", "destination"), ("routes", "src", "dest")):
        for rule in document.parts(key) if isinstance(document.values.get(key), list) else ():
            path, page = rule.values.get(source), rule.values.get(target)
            if isinstance(path, str) and page in _FIRST_PAGE and _EVERY_PATH.fullmatch(path):
                return document.said(True, key)
    return None
