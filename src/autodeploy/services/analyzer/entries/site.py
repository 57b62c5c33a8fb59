"""Static site generators of every language but npm's: one build, one folder of pages."""

import re

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Content, FrameworkRecord
from autodeploy.services.analyzer.packages import javascript
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command
from autodeploy.services.analyzer.tree import normal_path

# How each manager installs what the manifest keeps for development: there generators stand.
_WITH_DEVELOPMENT = {
    "uv": "uv sync",
    "poetry": "poetry install --no-root",
    "pdm": "pdm install --no-self",
}
_INSTALLERS = {"python": "pip install", "ruby": "gem install"}
_MANUAL_REQUIREMENTS = ("docs/requirements.txt", "requirements-docs.txt", "requirements/docs.txt")
# Gems that bring the generator.
_BRINGS = {"jekyll": ("jekyll", "github-pages"), "mkdocs": ("mkdocs", "mkdocs-material")}


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Run:
    """How to build the site: by the generator, or by a script of package.json that does more."""
    scripted = _scripted(files, record)
    build = _build(packages, record)
    install = _install(files, packages, record)
    if scripted:
        script, node = scripted
        reason = f"script build: {script}"
        if node.dependencies().production or node.dependencies().development:
            build = Command(command=f"{node.manager} run build", reason=reason)
            install = node.install
        else:
            build = Command(command=script, reason=reason)
    return Run(
        kind=AppKind.STATIC,
        install=install,
        build=build,
        output_directory=_output_directory(files, record),
        lock_files=scripted[1].lock_files if scripted else (),
    )


def _build(packages: Packages, record: FrameworkRecord) -> Command:
    prefix = "bundle exec " if packages.manager == "bundler" else ""
    return Command(command=f"{prefix}{record.build_command}", reason=f"{record.name} builds so")


def _scripted(files: SourceFiles, record: FrameworkRecord) -> tuple[str, Packages] | None:
    """The build script that calls a generator that is a program of its own, with its packages.

    Generators that a language's packages bring are called with that language alone.
    """
    node = javascript.read(files) if record.language == "static" else None
    script = node.scripts.get("build", "") if node else ""
    return (script, node) if node and re.search(rf"\b{record.slug}\b", script) else None


def _install(files: SourceFiles, packages: Packages, record: FrameworkRecord) -> Command | None:
    """The install command of the manifest, with the generator where that does not bring it."""
    installer = _INSTALLERS.get(record.language)
    brings = _BRINGS.get(record.slug, (record.slug,))
    if installer is None or any(name in packages.production for name in brings):
        return packages.install
    if packages.manager == "bundler":  # it installs what is for development too
        return packages.install
    if packages.has(*brings) and packages.manager in _WITH_DEVELOPMENT:
        line = _WITH_DEVELOPMENT[packages.manager]
        return Command(command=line, reason=f"{record.name} is a dependency for development")
    manual = next((path for path in _MANUAL_REQUIREMENTS if files.has(path)), None)
    if manual and record.language == "python":
        return Command(command=f"pip install -r {manual}", reason=f"{manual}: for the manual")
    return Command(
        command=f"{installer} {record.slug}", reason=f"no dependency brings {record.name}"
    )


def _output_directory(files: SourceFiles, record: FrameworkRecord) -> str:
    """The folder that the configuration names, else the generator's own."""
    setting = record.output_setting
    if not isinstance(setting, Content):
        return record.output_directory or "."
    for path in files.glob(setting.path):
        found = re.search(setting.pattern, files.text(path) or "")
        folder = normal_path(found.group(1)) if found else None
        if folder:
            files.note(path, f"writes to {folder}")
            return folder
    return record.output_directory or "."
