"""The product's source, as syntax trees and as imported modules."""

import ast
import functools
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import autodeploy

SOURCE = Path(autodeploy.__file__).parent
DOCS = Path(__file__).parents[2] / "docs" / "reference"


def calls(folder: str = "") -> Iterator[tuple[str, ast.Call]]:
    """Every call in ``folder``, with the place where it is written."""
    for path in sorted((SOURCE / folder).rglob("*.py")):
        for call in _calls_in(path):
            yield f"{path.relative_to(SOURCE)}:{call.lineno}", call


@functools.cache
def _calls_in(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def called_name(call: ast.Call) -> str:
    """The last part of what is called: ``commit`` of ``session.commit()``."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def import_everything() -> None:
    """Import every module, so that every subclass of a class is known."""
    for module in pkgutil.walk_packages([str(SOURCE)], "autodeploy."):
        # Alembic's environment runs migrations when it is imported; __main__ the command line.
        if not module.name.endswith((".__main__", "migrations.env")):
            importlib.import_module(module.name)
