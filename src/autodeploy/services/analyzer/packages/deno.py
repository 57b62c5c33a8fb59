"""Deno: what deno.json and its import map say (https://docs.deno.com, read 2026-11)."""

import re
from collections.abc import Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.versions import asked_runtime
from autodeploy.services.analyzer.plan import Command

MANIFESTS = ("deno.json", "deno.jsonc")

# jsr:@std/assert@1, npm:preact@^10, https://deno.land/x/fresh@1.6.8/ → name, version
_SPECIFIER = re.compile(
    r"(?:(?:jsr|npm):/?|https://(?:deno\.land/x|esm\.sh|jsr\.io)/)"
    r"((?:@[\w.-]+/)?[\w.-]+)(?:@([^/]+))?"
)


def read(files: SourceFiles) -> Packages | None:
    """What ``deno.json`` and ``deno.lock`` say; None when there is neither."""
    manifest = next((path for path in MANIFESTS if files.has(path)), None)
    if manifest is None and not files.has("deno.lock"):
        return None
    found = files.json(manifest) if manifest else {}
    import_map = (words(found.get("importMap")) or "").removeprefix("./")
    imports = {**table(files.json(import_map), "imports"), **table(found, "imports")}
    packages = _packages(imports)
    locks = [path for path in ("deno.lock", manifest, import_map) if path and files.has(path)]
    return Packages(
        language="deno",
        language_name="TypeScript",
        manager="deno",
        install=Command(command="deno install", reason=f"{locks[0]}: what it names"),
        runtime=asked_runtime(files, "deno", (".deno-version", ".dvmrc")),
        production=packages,
        manifests=dict.fromkeys(packages, manifest or "deno.lock"),
        lock_files=tuple(files.at(path) for path in locks),
        scripts=_tasks(table(found, "tasks")),
    )


def _packages(imports: Mapping[str, object]) -> dict[str, str | None]:
    specifiers = (_SPECIFIER.match(words(target) or "") for target in imports.values())
    return {found.group(1): found.group(2) for found in specifiers if found}


def _tasks(tasks: Mapping[str, object]) -> dict[str, str]:
    """The command of each task: a text, or a table with ``command``."""
    named = {
        name: words(task.get("command")) if isinstance(task, dict) else words(task)
        for name, task in tasks.items()
    }
    return {name: command for name, command in named.items() if command}
