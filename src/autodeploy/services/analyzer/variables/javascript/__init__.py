"""Environment variables that JavaScript and TypeScript read, directly and through layers.

Files are gone through in rounds: those that read the environment, then those that use what the
first ones export: a function that reads, an object that is the environment, a schema.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript import calls, layers, schemas
from autodeploy.services.analyzer.variables.javascript.demands import runs_at_start
from autodeploy.services.analyzer.variables.javascript.environment import Environment
from autodeploy.services.analyzer.variables.javascript.findings import Findings, Reader
from autodeploy.services.analyzer.variables.javascript.readers import readers_around
from autodeploy.services.analyzer.variables.javascript.script import Script, stands_for
from autodeploy.services.analyzer.variables.reads import Read, holds_any
from autodeploy.services.analyzer.variables.source import field, text

EXTENSIONS = ("js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts", "vue", "svelte", "astro")

# A file without any of these has nothing of the environment of its own.
MARKS = (
    "process.env", "process?.env", "meta.env", "Bun.env", "Deno.env", "node:process", "'process'",
    '"process"', "$env/", "astro:env", "envField", "createEnv", "envsafe", "env-schema",
    "fastify-env", "@fastify/env", "convict", "@nestjs/config", "env-var", "Env.create",
    "class-validator", "nconf", "getenv", "Core/Env", "#start/env", "({ env",
    "hono", "ProcessEnv", "ImportMetaEnv",
)  # fmt: skip
# In each mark that counts alone stands one of these, and in most files none.
WORDS = ("env", "Env", "process", "onvict", "nconf", "class-validator", "@nestjs/config")

MOST_ROUNDS = 3


class Scripts:
    """The files of one app, by path, parsed when first needed."""

    def __init__(self, texts: Mapping[str, str]):
        self._texts = texts
        self._scripts: dict[str, Script] = {}

    def get(self, path: str) -> Script:
        if path not in self._scripts:
            self._scripts[path] = Script(path, self._texts[path])
        return self._scripts[path]

    def marked(self) -> Iterator[Script]:
        """The files in which one of ``MARKS`` stands."""
        for path, content in self._texts.items():
            if holds_any(content, WORDS) and holds_any(content, MARKS):
                yield self.get(path)

    def users(self, owner: Script, *marks: str) -> Iterator[Script]:
        """The files in which one of the marks stands and which may import ``owner``: they name
        it. ``index`` files are imported by the name of their folder."""
        parts = owner.stem.split("/")
        name = parts[-2] if parts[-1] == "index" and len(parts) > 1 else parts[-1]
        for path, content in self._texts.items():
            if holds_any(content, marks) and (path == owner.path or name in content):
                yield self.get(path)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self._texts:
            parts = path.split("/")
            name = parts[-1].split(".")[0]
            full = parts[-1].rpartition(".")[0]
            for key in {name, full, *((parts[-2],) if name == "index" and len(parts) > 1 else ())}:
                found.setdefault(key, []).append(path)
        return found

    def declared(self, script: Script, module: str, name: str) -> tuple[Script, Node] | None:
        """Where ``name``, imported from ``module``, is declared."""
        last = module.rstrip("/").rpartition("/")[2]
        stem = last.rsplit(".", 1)[0] if last.endswith((".js", ".ts", ".mjs")) else last
        for path in self._by_name.get(stem, ())[:20]:
            if name in self._texts[path]:
                value = self.get(path).value_of(name)
                if value is not None:
                    return self.get(path), value
        return None


def find_reads(texts: Mapping[str, str]) -> list[Read]:
    """All reads in the files of an app, given by path."""
    scripts = Scripts(texts)
    found: dict[str, Findings] = {}
    for script in scripts.marked():
        found[script.path] = _of_one(script)
    reads: list[Read] = []
    for one in list(found.values()):
        reads.extend(_of_schemas(one, scripts))
    _through_readers(found, scripts)
    _through_objects(found, scripts)
    reads.extend(read for one in found.values() for read in one.reads)
    replaced = {name for one in found.values() for name in layers.replaced_names(one.script)}
    return list(dict.fromkeys(read for read in reads if read.key not in replaced))


def _of_one(script: Script) -> Findings:
    found = Findings(script)
    Environment(found).search()
    found.reads.extend(calls.config_service_reads(found))
    found.reads.extend(calls.env_var_reads(found))
    found.reads.extend(calls.given_reads(found))
    found.reads.extend(layers.field_reads(script))
    if b"convict" in script.bytes:
        found.reads.extend(layers.convict_reads(script))
    if found.reads_any or found.readers:
        found.objects.update(_proxies(script))
    found.schemas.extend(node for _, node in layers.layer_schemas(script))
    return found


def _proxies(script: Script) -> Iterator[str]:
    """The names for which a file that reads any variable exports ``new Proxy(…)``."""
    for node in script.names("Proxy"):
        value = node.parent
        if value is None or value.type != "new_expression":
            continue
        holder = stands_for(value).parent
        if holder is not None and holder.type == "variable_declarator":
            yield text(field(holder, "name"))


def _of_schemas(found: Findings, scripts: Scripts) -> Iterator[Read]:
    script = found.script
    for node in found.schemas:
        yield from schemas.schema_reads(script, node, scripts.declared)
    for call, candidates in found.validations:
        reads = [
            read
            for node in candidates
            for read in schemas.schema_reads(script, node, scripts.declared)
        ]
        if _throws_at_start(call):
            reads = [replace(read, at_start=read.required) for read in reads]
        yield from reads
        if reads:
            found.objects.clear()  # the schema names all there is: no need to look at its uses
        else:
            Environment(found).follow_result(call)
    yield from layers.declared_reads(found.script)
    for node in (*layers.class_schemas(found.script), *layers.object_schemas(found.script)):
        yield from schemas.schema_reads(found.script, node, scripts.declared, upper=True)


def _throws_at_start(validation: Node) -> bool:
    """Whether a validation throws by itself, as soon as its file is loaded."""
    called = text(field(validation, "function")).rpartition(".")[2]
    return called in ("parse", "cleanEnv", "parseEnv") and runs_at_start(validation)


def _through_readers(found: dict[str, Findings], scripts: Scripts) -> None:
    """The calls of functions that read the variable which a parameter names, in all files."""
    done: set[tuple[str, str, int]] = set()
    for _ in range(MOST_ROUNDS):
        readers = {
            (one.script.path, one.name, one.key_at): one
            for findings in found.values()
            for one in findings.readers
        }
        new = {place: one for place, one in readers.items() if place not in done}
        done.update(new)
        for reader in new.values():
            for script in scripts.users(reader.script, f"{reader.name}(", f"{reader.name}<"):
                findings = found.setdefault(script.path, Findings(script))
                _calls_of(findings, reader)


def _calls_of(findings: Findings, reader: Reader) -> None:
    for one in calls.reader_reads(findings, reader):
        if isinstance(one, Read):
            findings.reads.append(one)
        else:
            findings.readers.extend(readers_around(findings.script, text(one), one))


def _through_objects(found: dict[str, Findings], scripts: Scripts) -> None:
    """The members of exported objects that are the environment, in the files that import them."""
    for owner in list(found.values()):
        for name in owner.objects:
            for script in scripts.users(owner.script, f"{name}.", f"{name}["):
                if script is owner.script:
                    continue
                imported = script.imports.get(name)
                if (
                    imported is None
                    or imported.name not in (name, "default")
                    or not calls.names_file(imported.module, owner.script)
                ):
                    continue
                findings = found.setdefault(script.path, Findings(script))
                Environment(findings).follow(name, None, upper=True)
