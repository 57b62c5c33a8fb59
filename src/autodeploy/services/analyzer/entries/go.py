"""Go: where ``package main`` is, and how it is built.

Layout by https://go.dev/doc/modules/layout (read 2026-11).
"""

import re
import shlex

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.go import workspace_folders

_MAIN = re.compile(r"(?m)^package main\b")
_FUNCTION = re.compile(r"(?m)^func main\(\)")
_LEFT_OUT = re.compile(r"(?m)^//(go:build|[ ]?\+build)[ \t]+(ignore|tools?)\b")
_MODULE = re.compile(r"(?m)^module[ \t]+\"?([^\s\"]+)")

# Names of the command that serves, where there are several, likeliest first.
SERVERS = ("server", "web", "api", "app", "main", "http", "serve", "service")
MOST_FILES = 40

# Folders whose programs are not what the repository is.
ASIDE = frozenset(
    {
        "vendor",
        "testdata",
        "test",
        "tests",
        "example",
        "examples",
        "tools",
        "scripts",
        "docs",
        "hack",
    }
)

# A folder for the program: its name may be that of a folder of the repository.
PROGRAM = "bin/app"


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a Go app; what has no ``main`` is a library."""
    return program_run(packages, record, _program(files))


def _program(files: SourceFiles) -> Program | None:
    folder = _main_folder(files)
    if folder is None:
        return None
    reason = f"package main is in {folder or 'the root'}"
    files.note(folder or "go.mod", reason)
    return Program(_build(files, folder), f"./{PROGRAM}", reason)


def _build(files: SourceFiles, folder: str) -> str:
    build = f"go build -o {PROGRAM}"
    if files.has("go.mod") and not files.has("go.sum") and "require" in files.code("go.mod"):
        # Go refuses modules whose sums are not written down.
        build = f"go mod tidy && {build}"
    if folder:
        return f"{build} {shlex.quote(f'./{folder}')}"
    if files.has("go.mod") or files.has("go.work"):
        return f"{build} ."
    # Without a module only files that are named are built.
    alone = _sources(files, "")
    if len(alone) == 1:
        return f"{build} {shlex.quote(alone[0])}"
    return f"go mod init app && go mod tidy && {build} ."


def _main_folder(files: SourceFiles) -> str | None:
    """The folder of the program: the root, ``cmd``, one of ``cmd``'s, else the one that has one.

    None where there is none, or nothing says which of several is meant.
    """
    for folders in ([""], ["cmd"], _below(files, "cmd"), _modules(files), _below(files, "")):
        found = [folder for folder in folders if _is_main(files, folder)]
        if len(found) > 1:
            return _likeliest(files, found)
        if found:
            return found[0]
    return None


def _below(files: SourceFiles, folder: str) -> list[str]:
    entries = files.entries(folder).items()
    names = [
        name
        for name, is_file in entries
        if not is_file and name[0] not in "._" and name not in ASIDE
    ]
    return [f"{folder}/{name}" if folder else name for name in names[:MOST_FILES]]


def _modules(files: SourceFiles) -> list[str]:
    found = []
    for module in workspace_folders(files):
        folders = [module, f"{module}/cmd", *_below(files, f"{module}/cmd")]
        found += [folder for folder in folders if folder and _is_main(files, folder)][:1]
    return found


def _likeliest(files: SourceFiles, folders: list[str]) -> str | None:
    module = _MODULE.search(files.text("go.mod") or "")
    own = re.sub(r"/v\d+$", "", module.group(1)).rpartition("/")[2] if module else ""
    named = {folder.rpartition("/")[2]: folder for folder in folders}
    for name in (own, *SERVERS):
        if name in named:
            return named[name]
    serving = [folder for name, folder in named.items() if name.endswith(SERVERS)]
    if len(serving) == 1:
        return serving[0]
    files.warn(f"Several programs were found: {', '.join(folders)}. Say which in a Procfile.")
    return folders[0] if folders[0].startswith("cmd/") else None


def _is_main(files: SourceFiles, folder: str) -> bool:
    texts = [files.text(path) or "" for path in _sources(files, folder)]
    mains = [text for text in texts if _MAIN.search(text) and not _LEFT_OUT.search(text)]
    return any(_FUNCTION.search(text) for text in mains)


def _sources(files: SourceFiles, folder: str) -> list[str]:
    found = files.glob(f"{folder}/*.go" if folder else "*.go")
    code = [path for path in found if not path.endswith("_test.go")]
    return sorted(code, key=lambda path: not path.endswith("main.go"))[:MOST_FILES]
