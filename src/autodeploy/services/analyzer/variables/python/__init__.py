"""Environment variables that Python reads, directly and through layers, across its modules."""

from collections.abc import Iterator, Mapping

from autodeploy.services.analyzer.variables.python import dynaconf, settings
from autodeploy.services.analyzer.variables.python.calls import calls_of
from autodeploy.services.analyzer.variables.python.environment import Environment
from autodeploy.services.analyzer.variables.python.findings import Findings
from autodeploy.services.analyzer.variables.python.libraries import (
    KEYWORDS,
    LIBRARIES,
    Libraries,
    library_of,
)
from autodeploy.services.analyzer.variables.python.module import Module
from autodeploy.services.analyzer.variables.reads import Read, holds_any

# A module without any of these has nothing of the environment of its own.
MARKS = (
    "environ", "getenv", "dotenv_values", "dj_database_url", "django_cache_url", "dj_email_url",
    *sorted({module for library in LIBRARIES for module in library.modules}),
    *(f"{keyword}=" for keyword in KEYWORDS),
)  # fmt: skip
# In each mark stands one of these, and in most modules none: the first look is at them.
WORDS = ("env", "_url", "decouple", "everett", "prettyconf", "starlette.config")

MOST_ROUNDS = 3


class Modules:
    """The modules of one app, by path, parsed when first needed."""

    def __init__(self, texts: Mapping[str, str]):
        self.texts = texts
        self._modules: dict[str, Module] = {}

    def get(self, path: str) -> Module:
        if path not in self._modules:
            self._modules[path] = Module(path, self.texts[path])
        return self._modules[path]

    def marked(self) -> Iterator[Module]:
        """The modules in which one of ``MARKS`` stands."""
        for path, content in self.texts.items():
            if holds_any(content, WORDS) and holds_any(content, MARKS):
                yield self.get(path)

    def with_any(self, *marks: str) -> Iterator[Module]:
        for path, content in self.texts.items():
            if holds_any(content, marks):
                yield self.get(path)

    def users(self, owner: Module, name: str) -> Iterator[Module]:
        """The modules that call ``name`` and may import it from ``owner``."""
        uses = tuple(f"{name}{sign}" for sign in "(.[")
        for path, content in self.texts.items():
            if (path == owner.path or owner.name in content) and holds_any(content, uses):
                yield self.get(path)


def find_reads(texts: Mapping[str, str]) -> list[Read]:
    """All reads in the modules of an app, given by path."""
    modules = Modules(texts)
    found: dict[str, Findings] = {}
    for module in modules.marked():
        findings = found[module.path] = Findings(module)
        Environment(findings).search()
        Libraries(findings).search()
    _through_readers(found, modules)
    _through_imports(found, modules)
    _through_dynaconf(found, modules)
    reads = [read for one in found.values() for read in one.reads]
    return [*reads, *_of_settings(modules)]


def _through_readers(found: dict[str, Findings], modules: Modules) -> None:
    """The calls of functions that read the variable which a parameter names."""
    done: set[tuple[str, str, int]] = set()
    for _ in range(MOST_ROUNDS):
        readers = {
            (one.module.path, one.name, one.key_at): one
            for findings in list(found.values())
            for one in findings.readers
        }
        new = {place: one for place, one in readers.items() if place not in done}
        done.update(new)
        for reader in new.values():
            for module in modules.users(reader.module, reader.name):
                calls_of(found.setdefault(module.path, Findings(module)), reader)


def _through_imports(found: dict[str, Findings], modules: Modules) -> None:
    """Instances of libraries and names of the environment that other modules import."""
    for owner in list(found.values()):
        for name in {*owner.instances, *owner.objects}:
            for module in modules.users(owner.module, name):
                if module is owner.module or not _imports(module, name, owner.module):
                    continue
                findings = found.setdefault(module.path, Findings(module))
                library = library_of(owner.instances.get(name, ""))
                if library is not None:
                    Libraries(findings).instance(name, library)
                else:
                    Environment(findings).follow(name, None)


def _imports(module: Module, name: str, owner: Module) -> bool:
    """Whether a module has a name from ``owner``, under that very name."""
    imported = module.imports.get(name)
    if imported is None:
        return module.imports_all_of(owner)
    return imported.name == name and imported.module.rpartition(".")[2] in (owner.name, "")


def _through_dynaconf(found: dict[str, Findings], modules: Modules) -> None:
    """The settings of dynaconf, in the module that makes them and in those that import it."""
    for owner in list(modules.with_any("dynaconf")):
        mentions = ""
        for name, prefix in dynaconf.prefixes(found.setdefault(owner.path, Findings(owner))):
            mentions = mentions or "\n".join(modules.texts.values())
            for module in modules.users(owner, name):
                imported = module.imports.get(name)
                if module is owner or (imported is not None and imported.name == name):
                    findings = found.setdefault(module.path, Findings(module))
                    dynaconf.add_settings(findings, name, prefix, mentions)


def _of_settings(modules: Modules) -> Iterator[Read]:
    """The fields of settings classes, their bases and the models that they hold."""
    if not any(settings.BASE in content for content in modules.texts.values()):
        return
    found: dict[str, settings.SettingsClass] = {}
    wanted, looked_into = {settings.BASE}, set[str]()
    for _ in range(MOST_ROUNDS):
        for module in list(modules.with_any(*wanted)):
            if module.path not in looked_into:
                looked_into.add(module.path)
                for one in settings.classes(module):
                    found.setdefault(one.name, one)
        wanted = {name for name in found if "Settings" in name or "Config" in name}
        if not wanted:
            break
    mentions = "\n".join(modules.texts[path] for path in looked_into)
    yield from settings.settings_reads(found, mentions)
