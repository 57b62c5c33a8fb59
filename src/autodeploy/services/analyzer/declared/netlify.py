"""``netlify.toml`` (https://docs.netlify.com/configure-builds/file-based-configuration, 2026-11).

Netlify takes the values of a context before those of ``[build]``; the one of a live site is
``production``.
"""

from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.commands import build_parts
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.evidence import SourceFiles

_VERSIONS = {"NODE_VERSION": "node", "PYTHON_VERSION": "python", "RUBY_VERSION": "ruby",
             "GO_VERSION": "go", "PHP_VERSION": "php", "HUGO_VERSION": "hugo"}  # fmt: skip
_LACKS = {
    "edge_functions": "functions at the edge",
    "plugins": "build plugins",
    "headers": "headers of its own",
}
# What Netlify itself reads, and no app.
_OWN = ("NPM_FLAGS", "NPM_VERSION", "YARN_FLAGS", "YARN_VERSION", "PNPM_FLAGS", "PIPENV_DEFAULT",
        "SECRETS_SCAN_ENABLED", "SECRETS_SCAN_OMIT_KEYS", "SECRETS_SCAN_OMIT_PATHS")  # fmt: skip


def declare(files: SourceFiles) -> Declared | None:
    """What the file of the folder says, or that of a folder above whose ``base`` is this one."""
    for place in (files, *files.parents()):
        document = open_document(place, Source.NETLIFY)
        if document is None:
            continue
        base = document.part("build").folder("base")
        here = base is None or base.value == "."
        if place is files and not here:
            return Declared(root_directory=base)
        is_meant = here if place is files else base and place.at(base.value) == files.root
        return _read(document) if is_meant else None
    return None


def _read(document: Document) -> Declared:
    document.lacks(_LACKS)
    build, production = document.part("build"), document.part("context", "production")
    build.lacks({"functions": "functions of Netlify", "edge_functions": "functions at the edge"})
    install, built = build_parts(production.command("command") or build.command("command"))
    environment = build.part("environment"), production.part("environment")
    asked = {
        language: version
        for part in environment
        for key, language in _VERSIONS.items()
        if key in part.values and (version := part.text(key))
    }
    return Declared(
        install=install,
        build=built,
        output_directory=production.folder("publish") or build.folder("publish"),
        spa_fallback=_spa_fallback(document),
        runtimes=asked,
        variables=tuple(one for part in environment for one in _variables(part)),
    )


def _variables(part: Document) -> list[SaidVariable]:
    found = [
        part.variable(key, build=True, default=value)
        for key, value in part.items()
        if key not in _VERSIONS and key not in _OWN
    ]
    return [one for one in found if one]


def _spa_fallback(document: Document) -> Said[bool] | None:
    for rule in document.parts("redirects"):
        says = tuple(rule.values.get(key) for key in ("from", "to", "status"))
        if says in (("/*", "/index.html", 200), ("/*", "/", 200)):
            return document.said(True, "redirects")
    if document.values.get("redirects"):
        document.lacks({"redirects": "redirects"})
    return None
