"""All variables of a repository: every read in its own code, joined with its example files."""

import re
import time
from collections.abc import Callable, Iterator, Mapping

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import EnvironmentVariable, VariableType
from autodeploy.services.analyzer.variables import javascript, python
from autodeploy.services.analyzer.variables.classify import (
    PLATFORM,
    is_built_in,
    is_secret,
    type_of,
)
from autodeploy.services.analyzer.variables.examples import Example, find_examples
from autodeploy.services.analyzer.variables.reads import Read

# Of one file: its text and its path. Of all files of a language, since layers cross files.
Finder = Callable[[str, str], list[Read]]
Family = Callable[[Mapping[str, str]], list[Read]]

FINDERS: Mapping[str, Finder] = {}
FAMILIES: Mapping[str, Family] = {
    "py": python.find_reads,
    **dict.fromkeys(javascript.EXTENSIONS, javascript.find_reads),
}

MOST_FILES = 5_000
MOST_SECONDS = 10.0

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")

# Code that is not the app's own, or that does not run when it is deployed.
_LEFT_OUT = re.compile(
    r"(^|/)(tests?|__tests__|__mocks__|spec|specs|e2e|cypress|playwright|fixtures|testdata|vendor|"
    r"third_party|dist|build|out|coverage|site-packages|\.github|\.storybook|docs?|examples?)/"
    r"|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$"
    r"|\.(test|spec|stories|min)\.[cm]?[jt]sx?$"
    r"|(^|/)(jest|vitest|playwright|cypress)\.[\w.]*(config|setup)[\w.]*$",
    re.I,
)


def find_variables(files: SourceFiles) -> tuple[EnvironmentVariable, ...]:
    """The variables under the root directory, by name."""
    reads: dict[str, list[Read]] = {}
    for read in _reads(files):
        if _KEY.fullmatch(read.key):
            reads.setdefault(read.key, []).append(read)
    examples = find_examples(files)
    keys = sorted({*reads, *examples})
    return tuple(_variable(key, reads.get(key, []), examples.get(key)) for key in keys)


def _reads(files: SourceFiles) -> Iterator[Read]:
    families: dict[Family, dict[str, str]] = {}
    for path in _sources(files):
        extension = path.rpartition(".")[2]
        text = files.text(path)
        if text is None:
            continue
        if extension in FAMILIES:
            families.setdefault(FAMILIES[extension], {})[files.at(path)] = text
        else:
            yield from FINDERS[extension](text, files.at(path))
    for find, texts in families.items():
        yield from find(texts)


def _sources(files: SourceFiles) -> Iterator[str]:
    below = f"{files.root}/" if files.root else ""
    count, deadline = 0, time.monotonic() + MOST_SECONDS
    for whole in files.tree.walk(files.root):
        path = whole.removeprefix(below)
        extension = path.rpartition(".")[2]
        if not (extension in FINDERS or extension in FAMILIES) or _LEFT_OUT.search(path):
            continue
        count += 1
        if count > MOST_FILES or time.monotonic() > deadline:
            files.warn(f"Only {count - 1} source files were searched for variables.")
            return
        yield path


def _variable(key: str, reads: list[Read], example: Example | None) -> EnvironmentVariable:
    default = next((read.default for read in reads if read.default is not None), None)
    shown = default or (example.value if example else None)
    kind = next((read.type for read in reads if read.type), None) or type_of(key, shown)
    secret = is_secret(key, kind)
    has_default = any(read.has_default for read in reads)
    return EnvironmentVariable(
        key=key,
        required=key not in PLATFORM and not has_default and any(read.required for read in reads),
        secret=secret,
        type=kind,
        build_time=any(read.build_time for read in reads) or is_built_in(key),
        default=_shown_default(default, secret, kind),
        description=example.description if example else None,
        file=reads[0].file if reads else example.file if example else "",
        line=reads[0].line if reads else example.line if example else 0,
    )


def _shown_default(default: str | None, secret: bool, kind: VariableType) -> str | None:
    """The default without what should not be shown: a secret, the password in an address."""
    if default is None or (secret and kind is not VariableType.DATABASE_CONNECTION):
        return None
    return re.sub(r"//[^@/\s]*@", "//…@", default)
