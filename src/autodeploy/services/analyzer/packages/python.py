"""Python: pip, uv, poetry, pdm and pipenv, pyproject and requirements, the Python version."""

import re
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from autodeploy.services.analyzer.evidence import SourceFiles, table, texts, words
from autodeploy.services.analyzer.packages.base import (
    Packages,
    first_line,
    first_request,
    tool_version,
)
from autodeploy.services.analyzer.plan import Command, Member

# Where requirements are named that are not in requirements.txt, likeliest first.
REQUIREMENTS = (
    "requirements.txt",
    *(f"requirements/{name}.txt" for name in ("production", "prod", "main", "base", "common")),
)
# What such a group is called, likeliest first.
GROUPS = ("main", "default", "prod", "production", "app")
CONDA = ("environment.yml", "environment.yaml")
MANIFESTS = (*REQUIREMENTS, "pyproject.toml", "Pipfile", "setup.py", "setup.cfg", *CONDA)

Found = dict[str, tuple[str | None, str]]  # package → (version, file)


def read(files: SourceFiles) -> Packages | None:
    """What the Python manifests say; None when there is neither a manifest nor a .py file."""
    if not any(files.has(path) for path in MANIFESTS) and not files.glob("*.py"):
        return None
    production, development = _dependencies(files)
    manager, place = _manager(files)
    lock_files = _locks(files, place, manager)
    return Packages(
        language="python",
        language_name="Python",
        manager=manager,
        install=_install(files, manager, place),
        runtime=first_request(files, "python", _version_requests(files), parts=2),
        production={name: version for name, (version, _) in production.items()},
        development={name: version for name, (version, _) in development.items()},
        manifests={name: path for name, (_, path) in {**development, **production}.items()},
        lock_files=lock_files,
        members=_members(files),
    )


def _manager(files: SourceFiles) -> tuple[str | None, SourceFiles]:
    """The manager and the folder of its lock file: lock file, then pyproject, then files."""
    for place in (files, *files.parents()):
        for manager, lock in (("uv", "uv.lock"), ("poetry", "poetry.lock"), ("pdm", "pdm.lock")):
            if place.has(lock) and (place is files or _is_uv_member(place, manager)):
                files.note(lock, f"lock file of {manager}")
                return manager, place
    if files.has("Pipfile") and files.has("Pipfile.lock"):
        files.note("Pipfile.lock", "lock file of pipenv")
        return "pipenv", files
    tools = table(files.toml("pyproject.toml"), "tool")
    for manager in ("poetry", "pdm", "uv"):
        if manager in tools and not files.has("requirements.txt"):
            files.note("pyproject.toml", f"holds tool.{manager}")
            return manager, files
    if _requirements(files):
        return "pip", files
    if files.has("Pipfile"):
        return "pipenv", files
    if any(files.has(path) for path in CONDA):
        return "conda", files
    manifest = files.toml("pyproject.toml")
    if manifest.get("project") or _group(files) or files.has("setup.py"):
        return "pip", files
    return None, files


def _is_uv_member(place: SourceFiles, manager: str) -> bool:
    return manager == "uv" and bool(table(place.toml("pyproject.toml"), "tool", "uv", "workspace"))


def _install(files: SourceFiles, manager: str | None, place: SourceFiles) -> Command | None:
    if manager == "uv":
        if place.has("uv.lock"):
            return Command(command="uv sync --frozen --no-dev", reason="uv.lock: what it names")
        return Command(command="uv sync --no-dev", reason="pyproject.toml with tool.uv")
    if manager == "poetry":
        return Command(
            command="poetry install --only main --no-root", reason="pyproject.toml with tool.poetry"
        )
    if manager == "pdm":
        if place.has("pdm.lock"):
            # Without the check pdm locks anew what does not fit.
            line = "pdm install --prod --no-self --check"
            return Command(command=line, reason="pdm.lock: what it names")
        return Command(command="pdm install --prod --no-self", reason="pyproject.toml, pdm")
    if manager == "pipenv":
        flag = " --deploy" if files.has("Pipfile.lock") else ""
        return Command(command=f"pipenv install{flag}", reason="Pipfile")
    if manager == "conda":
        path = next(path for path in CONDA if files.has(path))
        return Command(command=f"conda env create --file {path}", reason=path)
    requirements = _requirements(files)
    if requirements:
        return Command(command=f"pip install -r {requirements}", reason=requirements)
    if group := _group(files):
        return Command(
            command=f"pip install --group {group}",
            reason=f"pyproject.toml: dependency group {group}",
        )
    if manager == "pip":
        return Command(command="pip install .", reason="pyproject.toml or setup.py, no lock file")
    return None


def _group(files: SourceFiles) -> str | None:
    """The group that an app without a package keeps its dependencies in (PEP 735)."""
    manifest = files.toml("pyproject.toml")
    groups = {} if manifest.get("project") else table(manifest, "dependency-groups")
    return next((name for name in GROUPS if name in groups), None)


def _locks(files: SourceFiles, place: SourceFiles, manager: str | None) -> tuple[str, ...]:
    """The files whose content decides the dependencies."""
    locks = {"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}
    lock = locks.get(manager or "")
    if lock and place.has(lock):
        return (place.at(lock), *_at(files, "pyproject.toml", "Pipfile"))
    included = [path for path in _requirement_files(files) if files.has(path)]
    return tuple(files.at(path) for path in included) or _at(
        files, "pyproject.toml", "setup.py", "Pipfile"
    )


def _at(files: SourceFiles, *paths: str) -> tuple[str, ...]:
    return tuple(files.at(path) for path in paths if files.has(path))


def _requirements(files: SourceFiles) -> str | None:
    return next((path for path in REQUIREMENTS if files.has(path)), None)


def _requirement_files(files: SourceFiles) -> list[str]:
    """The requirements and what they include, each once."""
    pending = [_requirements(files) or "requirements.txt"]
    for path in pending:
        text = files.text(path) or "" if files.has(path) else ""
        for name in re.findall(r"(?m)^[ \t]*(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", text):
            folder = path.rpartition("/")[0]
            included = f"{folder}/{name}" if folder else name
            if included not in pending and len(pending) < 20:
                pending.append(included)
    return pending


def _dependencies(files: SourceFiles) -> tuple[Found, Found]:
    production: Found = {}
    development: Found = {}
    for path in _requirement_files(files):
        for line in files.lines(path):
            _add(production, line, path)
    project = files.toml("pyproject.toml")
    for line in texts(table(project, "project").get("dependencies")):
        _add(production, line, "pyproject.toml")
    groups = {**table(project, "project", "optional-dependencies"), **table(
        project, "dependency-groups")}  # fmt: skip
    main = _group(files)
    for name, group in groups.items():
        for line in texts(group):
            _add(production if name == main else development, line, "pyproject.toml")
    poetry = table(project, "tool", "poetry")
    _add_table(production, table(poetry, "dependencies"), "pyproject.toml")
    _add_table(development, table(poetry, "dev-dependencies"), "pyproject.toml")
    _add_table(development, table(poetry, "group", "dev", "dependencies"), "pyproject.toml")
    _add_table(production, table(files.toml("Pipfile"), "packages"), "Pipfile")
    _add_table(development, table(files.toml("Pipfile"), "dev-packages"), "Pipfile")
    _add_setup(production, files)
    production.pop("python", None)
    return production, development


def _add(found: Found, line: str, path: str) -> None:
    content = re.sub(r"(^|\s)#.*$", "", line).split(" --hash")[0].rstrip("\\").strip()
    if not content or content.startswith("-"):
        return
    try:
        requirement = Requirement(content)
    except (InvalidRequirement, RecursionError):  # a marker may nest without end
        return
    exact = re.fullmatch(r"={2,3}([\w.!+-]+)", str(requirement.specifier))
    version = exact.group(1) if exact else str(requirement.specifier) or None
    found[canonicalize_name(requirement.name)] = (version, path)
    for extra in requirement.extras:
        found[f"{canonicalize_name(requirement.name)}[{extra}]"] = (version, path)


def _add_table(found: Found, packages: Mapping[str, object], path: str) -> None:
    for name, asked in packages.items():
        details = asked if isinstance(asked, dict) else {}
        version = words(details.get("version")) or words(asked)
        package = canonicalize_name(name)
        found[package] = (None if version == "*" else version, path)
        for extra in texts(details.get("extras")):
            found[f"{package}[{extra}]"] = (version, path)


def _add_setup(found: Found, files: SourceFiles) -> None:
    required = words(table(files.ini("setup.cfg"), "options").get("install_requires"))
    for line in (required or "").splitlines():
        _add(found, line, "setup.cfg")
    block = re.search(
        r"install_requires\s*=\s*\[([^\]]*)\]", (files.text("setup.py") or "")[:100_000]
    )
    for _, line in re.findall(r"(['\"])(.*?)\1", block.group(1)) if block else ():
        _add(found, line, "setup.py")


def _version_requests(files: SourceFiles) -> Iterator[tuple[str, str]]:
    """The Python versions asked for: exact files first, then tools, then manifests."""
    for place in (files, *files.parents()):
        version = first_line(place, ".python-version")
        if version:
            yield version.removeprefix("python-"), place.at(".python-version")
        pinned = first_line(place, "runtime.txt")
        if pinned and pinned.startswith("python-"):
            yield pinned.removeprefix("python-"), place.at("runtime.txt")
        tool = tool_version(place, "python")
        if tool:
            yield tool[0], place.at(tool[1])
        yield from ((asked, place.at(path)) for asked, path in _declared(place))


def _declared(place: SourceFiles) -> Iterator[tuple[str, str]]:
    requires = table(place.toml("Pipfile"), "requires")
    pipfile = words(requires.get("python_full_version")) or words(requires.get("python_version"))
    if pipfile:
        yield pipfile, "Pipfile"
    project = place.toml("pyproject.toml")
    version = words(table(project, "project").get("requires-python")) or words(
        table(project, "tool", "poetry", "dependencies").get("python")
    )
    if version:
        yield version, "pyproject.toml"


def _members(files: SourceFiles) -> tuple[Member, ...]:
    workspace = table(files.toml("pyproject.toml"), "tool", "uv", "workspace")
    found = {
        path.removesuffix("/pyproject.toml"): path
        for pattern in texts(workspace.get("members"))
        for path in files.glob(f"{pattern.strip('/')}/pyproject.toml")
    }
    return tuple(
        Member(
            path=files.at(folder),
            name=words(table(files.toml(path), "project").get("name")),
            language="python",
        )
        for folder, path in sorted(found.items())
    )
