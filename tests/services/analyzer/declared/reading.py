"""One file of a folder, read to what it declares, in a shape that tables of tests can hold."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from tests.services.analyzer.trees import write

from autodeploy.services.analyzer.declared.base import Declared, Said, Source
from autodeploy.services.analyzer.declared.declarations import READERS
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.tree import FolderTree


def read(
    folder: Path, source: Source, files: Mapping[str, str], root: str = ""
) -> tuple[Declared | None, SourceFiles]:
    seen = SourceFiles(FolderTree(write(folder, files)), root)
    return READERS[source](seen), seen


def values(declared: Declared | None) -> dict[str, object]:
    """What is said, by field, without where: ``{}`` for nothing."""
    if declared is None:
        return {}
    found: dict[str, object] = {}
    for one in fields(declared):
        value = getattr(declared, one.name)
        if isinstance(value, Said):
            found[one.name] = value.value
        elif one.name == "crons":
            continue  # of another shape
        elif isinstance(value, dict) and (value or one.name == "workers"):
            found[one.name] = {key: said.value for key, said in value.items()}
    return found


def variables(declared: Declared | None) -> dict[str, dict[str, object]]:
    """What is said of each variable, without what is not said."""
    names = ("required", "secret", "build", "default", "example", "description")
    return {
        one.key: {name: value for name in names if (value := getattr(one, name)) is not None}
        for one in (declared.variables if declared else ())
    }


def services(declared: Declared | None) -> list[tuple[str, str | None]]:
    return [(one.kind, one.variable) for one in (declared.services if declared else ())]
