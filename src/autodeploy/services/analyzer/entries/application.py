"""The application object of a Python web app: where it is made, and the line that serves it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import PythonApp
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import Command

# Where people put the application, likeliest first.
MODULES = ("main", "app", "server", "application", "asgi", "wsgi", "api", "index", "run", "web")
FOLDERS = ("", "app", "src", "src/app", "api", "server", "backend", "web")
MOST_FOLDERS = 40
# What is run by name, and not imported by a server.
_NO_MODULES = frozenset({"conftest.py", "__main__.py"})


@dataclass(frozen=True)
class Entry:
    """``module:name`` in a file; ``folder`` is where imports start, '' being the root."""

    path: str
    line: int
    module: str
    name: str
    factory: bool
    folder: str


def serve_line(app: PythonApp, entry: Entry) -> str:
    folder = f" {app.folder_option} {entry.folder}" if entry.folder else ""
    template = app.start_factory if entry.factory else app.start
    return template.format(app=f"{entry.module}:{entry.name}", folder=folder)


def with_server(files: SourceFiles, packages: Packages, app: PythonApp) -> Command | None:
    """The install command, with the server added when the dependencies do not bring it."""
    if packages.has(*app.server_in):
        return packages.install
    adding = {
        "uv": f"uv pip install {app.server}",
        "poetry": f"poetry run pip install {app.server}",
        "pdm": f"pdm run pip install {app.server}",
        "pipenv": f"pipenv run pip install {app.server}",
    }.get(packages.manager or "", f"pip install {app.server}")
    if packages.install is None:
        return Command(command=adding, reason=f"{app.server} serves the app")
    reason = f"{packages.install.reason}; {app.server} is added, since no dependency brings it"
    # Next to a file with hashes pip would ask for the server's hash too.
    is_hashed = "--hash=" in (files.text("requirements.txt") or "")
    if packages.install.command == "pip install -r requirements.txt" and not is_hashed:
        return Command(command=f"{packages.install.command} {app.server}", reason=reason)
    return Command(command=f"{packages.install.command} && {adding}", reason=reason)


def find_entry(files: SourceFiles, app: PythonApp) -> Entry | None:
    """The application object: the FLASK_APP that is named, else the likeliest place first."""
    for path in _candidates(files):
        text = files.text(path)
        if text and any(f"{name}(" in text for name in app.constructors):
            found = application(text, app.constructors)
            if found:
                name, line, factory = found
                module, folder = locate(files, path, text)
                return Entry(path, line, module, name, factory, folder)
    return _for_servers(files)


def _for_servers(files: SourceFiles) -> Entry | None:
    """What a module that is there for servers names, wherever the application is made.

    The names are those that WSGI and ASGI servers take by themselves.
    """
    for path in _candidates(files):
        if path.rpartition("/")[2] not in ("wsgi.py", "asgi.py"):
            continue
        text = files.text(path) or ""
        names = dict(_names(text))
        name = next((one for one in ("application", "app") if one in names), None)
        if name:
            module, folder = locate(files, path, text)
            return Entry(path, names[name], module, name, factory=False, folder=folder)
    return None


def _names(text: str) -> Iterator[tuple[str, int]]:
    """The names that a module calls a result, or brings from another one, each with its line."""
    for node in _statements(text):
        made = _assigned(node)
        if made and isinstance(made[1], ast.Call):
            yield made[0], node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from ((one.asname or one.name, node.lineno) for one in node.names)


def _candidates(files: SourceFiles) -> Iterator[str]:
    seen = set()
    named = re.search(r"(?m)^[ \t]*FLASK_APP\s*=\s*['\"]?([\w./]+)", files.text(".flaskenv") or "")
    if named:
        path = named.group(1).removesuffix(".py").replace(".", "/") + ".py"
        seen.add(path)
        yield path
    packages = [name for name, is_file in files.entries().items() if not is_file][:MOST_FOLDERS]
    for folder in (*FOLDERS, *packages, *(f"src/{name}" for name in files.entries("src"))):
        if _is_left_out(folder):
            continue
        names = [name for name, is_file in files.entries(folder).items() if is_file]
        ranked = [f"{module}.py" for module in MODULES if f"{module}.py" in names]
        others = [name for name in names if name.endswith(".py") and name not in ranked]
        for name in (*ranked, *others):
            path = f"{folder}/{name}" if folder else name
            if path not in seen and not name.startswith("test_") and name not in _NO_MODULES:
                seen.add(path)
                yield path


def _is_left_out(folder: str) -> bool:
    return folder.rpartition("/")[2] in {"tests", "test", "docs", "examples", "migrations"}


def application(text: str, constructors: tuple[str, ...]) -> tuple[str, int, bool] | None:
    """(name, line, whether it is a factory) of the application made in a module, or None."""
    statements = _statements(text)
    factories: dict[str, int] = {}
    for node in statements:
        if isinstance(node, ast.FunctionDef) and _makes(node, constructors):
            factories[node.name] = node.lineno
    for node in statements:
        made = _assigned(node)
        if made and _called(made[1]) in {*constructors, *factories}:
            return made[0], node.lineno, False
    public = {name: line for name, line in factories.items() if not name.startswith("_")}
    for name in ("create_app", "make_app", "get_app", "app", *public):
        if name in public:
            return name, public[name], True
    return None


def _statements(text: str) -> list[ast.stmt]:
    """The statements of a module, [] where it cannot be parsed."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _makes(function: ast.FunctionDef, constructors: tuple[str, ...]) -> bool:
    required = len(function.args.args) - len(function.args.defaults)
    return required == 0 and any(
        isinstance(node, ast.Call) and _called(node) in constructors for node in ast.walk(function)
    )


def _assigned(node: ast.stmt) -> tuple[str, ast.expr] | None:
    if isinstance(node, ast.Assign):
        target = node.targets[-1]
        # ``app, route = fast_app()``
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
        return (first.id, node.value) if isinstance(first, ast.Name) else None
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        return node.target.id, node.value
    return None


def _called(node: ast.expr) -> str | None:
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def locate(files: SourceFiles, path: str, text: str) -> tuple[str, str]:
    """(dotted module, folder that imports start from) of a file.

    A file that imports its neighbours by their bare names is started from its own folder; one
    in a package below ``src`` from ``src``; every other from the root.
    """
    folder, _, name = path.removesuffix(".py").rpartition("/")
    if name == "__init__":
        folder, _, name = folder.rpartition("/")
    if not folder:
        return name, ""
    beside = {entry.removesuffix(".py") for entry in files.entries(folder)}
    outside = {entry.removesuffix(".py") for entry in files.entries()}
    imported = {
        first for first in re.findall(r"(?m)^[ \t]*(?:from|import) +(\w+)", text) if first != name
    }
    dotted = f"{folder}/{name}".replace("/", ".")
    if folder.partition("/")[0] in imported:
        return dotted, ""
    if imported & beside - outside:
        return name, folder
    if folder.startswith("src/") and not files.has("src/__init__.py"):
        return dotted.removeprefix("src."), "src"
    return dotted, ""
