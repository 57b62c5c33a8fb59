"""All variables of a repository: every read in its own code, joined with its example files."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, decode
from autodeploy.services.analyzer.packages.workspaces import members_used
from autodeploy.services.analyzer.plan import EnvironmentVariable, Needed, VariableType
from autodeploy.services.analyzer.variables import javascript, languages, python
from autodeploy.services.analyzer.variables.classify import (
    PLATFORM,
    is_built_in,
    is_given,
    is_public,
    is_secret,
    type_of,
)
from autodeploy.services.analyzer.variables.examples import Example, find_examples, find_kept
from autodeploy.services.analyzer.variables.loading import Commands, Loading
from autodeploy.services.analyzer.variables.mapped import find_mapped
from autodeploy.services.analyzer.variables.own_code import is_own_code
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.syntax import time_limit

# Of all files of a language by their paths, since layers cross files.
Family = Callable[[Mapping[str, str]], Iterable[Read]]

FAMILIES: Mapping[str, Family] = {
    "py": python.find_reads,
    **dict.fromkeys(javascript.EXTENSIONS, javascript.find_reads),
}

MOST_FILES = 5_000
MOST_SECONDS = 10.0

# Where variables are named beside code: documentation, deployment files, tests.
_SPELLING = re.compile(
    r"\.(go|md|mdx|rst|adoc|txt|ya?ml|toml|sh|json|tpl|env|example)$|file$", re.I
)
_WORD = re.compile(r"[A-Z][A-Z0-9_]+")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def find_variables(files: SourceFiles, commands: Commands) -> tuple[EnvironmentVariable, ...]:
    """The variables of the app in the root directory, by name: those of its code, of the members
    of its workspace that it depends on, and of its example files."""
    texts: dict[str, str] = {}
    reads: dict[str, list[Read]] = {}
    for read in _spelled(files, _reads(files, texts)):
        if _KEY.fullmatch(read.key):
            reads.setdefault(read.key, []).append(read)
    examples, kept = find_examples(files), find_kept(files)
    loading = Loading(texts, commands)
    keys = sorted({*(key for key in reads if not is_given(key)), *examples})
    return tuple(
        _variable(key, reads.get(key, []), examples.get(key), None if key in kept else loading)
        for key in keys
    )


def _reads(files: SourceFiles, texts_by_path: dict[str, str]) -> list[Read]:
    """All reads; the source files that were looked at are put into ``texts_by_path``."""
    reads: list[Read] = []
    families: dict[Family, dict[str, str]] = {}
    order: dict[str, int] = {}
    with time_limit(MOST_SECONDS) as is_over:
        for path, text, found in _sources(files, is_over):
            order[path] = len(order)
            texts_by_path[path] = text
            for find in found:
                families.setdefault(find, {})[path] = text
        for find, texts in families.items():
            reads.extend(find(texts))
        if is_over():
            files.warn(f"Source files were searched for variables for {MOST_SECONDS:g} seconds.")
    reads.extend(find_mapped(files))
    return sorted(reads, key=lambda read: (order.get(read.file, len(order)), read.line))


def _spelled(files: SourceFiles, reads: list[Read]) -> list[Read]:
    """The reads without those whose keys were put together and stand in no file."""
    missing = {read.key for read in reads if read.derived}
    for count, path in enumerate(files.tree.walk()):
        if not missing or count > MOST_FILES:
            break
        content = files.tree.read(path) if _SPELLING.search(path) else None
        missing -= set(_WORD.findall(decode(content) or "")) if content else set()
    return [read for read in reads if not (read.derived and read.key in missing)]


def _families(path: str) -> list[Family]:
    family = FAMILIES.get(path.rpartition(".")[2])
    return [*languages.families_of(path), *([family] if family else [])]


def _sources(
    files: SourceFiles, is_over: Callable[[], bool]
) -> Iterator[tuple[str, str, list[Family]]]:
    """The own code of the app, and of what it depends on: path in the repository, text and the
    families that it belongs to."""
    count = 0
    for place in (files, *members_used(files)):
        below = f"{place.root}/" if place.root else ""
        for whole in files.tree.walk(place.root):
            path = whole.removeprefix(below)
            found = _families(path)
            if not found or not is_own_code(path):
                continue
            count += 1
            if count > MOST_FILES or is_over():
                files.warn(f"Only {count - 1} source files were searched for variables.")
                return
            text = place.text(path)
            if text is not None:
                yield whole, text, found


def _variable(
    key: str, reads: list[Read], example: Example | None, loading: Loading | None
) -> EnvironmentVariable:
    """``loading`` is None where a file of the repository sets the variable."""
    default = next((read.default for read in reads if read.default is not None), None)
    shown = default or (example.value if example else None)
    kind = next((read.type for read in reads if read.type), None) or type_of(key, shown)
    secret = is_secret(key, kind) or (any(read.secret for read in reads) and not is_public(key))
    required, reason = _required(key, reads)
    described = (read.description for read in reads if read.description)
    return EnvironmentVariable(
        key=key,
        required=required,
        needed=_needed(reads, loading) if required and loading else None,
        reason=reason,
        secret=secret,
        type=kind,
        build_time=any(read.build_time for read in reads) or is_built_in(key),
        default=_shown_default(default, secret, kind),
        description=(example.description if example else None) or next(described, None),
        file=reads[0].file if reads else example.file if example else "",
        line=reads[0].line if reads else example.line if example else 0,
    )


def _required(key: str, reads: list[Read]) -> tuple[bool, str]:
    """Whether somebody has to set it, and why: a default in one place is one for all."""
    if not reads:
        return False, "named in an example file; no read of it was found"
    if key in PLATFORM:
        return False, "the platform sets it where nobody does"
    decisive = next(
        (read for read in reads if read.has_default),
        next((read for read in reads if read.required), reads[0]),
    )
    required = decisive.required and not decisive.has_default
    return (
        required,
        f"{decisive.reason or _plain_reason(decisive)} in {decisive.file}:{decisive.line}",
    )


def _needed(reads: list[Read], loading: Loading) -> Needed | None:
    """When the code fails without it, given that it does: not surely where only scripts do."""
    failing = [read for read in reads if read.required and not loading.is_aside(read.file)]
    if any(read.at_start and loading.loads(read.file) for read in failing):
        return Needed.AT_START
    return Needed.LATER if failing else None


def _plain_reason(read: Read) -> str:
    if read.has_default:
        return "has a default"
    return "the code fails without it" if read.required else "read without a default"


def _shown_default(default: str | None, secret: bool, kind: VariableType) -> str | None:
    """The default without what should not be shown: a secret, the password in an address."""
    if default is None or (secret and kind is not VariableType.DATABASE_CONNECTION):
        return None
    return re.sub(r"//[^@/\s]*@", "//…@", default)
