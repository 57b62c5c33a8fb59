"""The members of a JavaScript monorepo: npm, pnpm, yarn, bun, lerna, rush, moon and nx.

Formats (read 2026-11): https://docs.npmjs.com/cli/using-npm/workspaces,
https://pnpm.io/pnpm-workspace_yaml, https://lerna.js.org/docs/api-reference/configuration,
https://rushjs.io/pages/configs/rush_json/, https://moonrepo.dev/docs/config/workspace,
https://nx.dev/reference/project-configuration.
"""

from collections.abc import Iterable

from autodeploy.services.analyzer.evidence import SourceFiles, table, texts, words
from autodeploy.services.analyzer.plan import Member

# Where nx looks for projects that are no packages, unless nx.json says otherwise.
_NX_FOLDERS = ("apps", "libs", "packages")


def members_of(files: SourceFiles) -> tuple[Member, ...]:
    """The packages that the workspace declared at ``files`` has; none when it declares none."""
    return files.once("members", "", lambda: _members(files))


def _members(files: SourceFiles) -> tuple[Member, ...]:
    patterns = [*_workspaces(files), *_lerna(files), *_rush(files), *_moon(files)]
    found = {
        **_matching(files, patterns, "package.json"),
        **(_matching(files, _nx(files), "project.json") if files.has("nx.json") else {}),
    }
    return tuple(found[folder] for folder in sorted(found))


def has_shared_manifest(files: SourceFiles) -> bool:
    """Whether ``package.json`` names what the projects of an Nx workspace need, and no app's own.

    They have a ``project.json`` alone then; a root with one is an app itself.
    """
    if not files.has("nx.json") or files.has("project.json"):
        return False
    projects = _matching(files, _nx(files), "project.json")
    return any(not files.has(f"{folder}/package.json") for folder in projects)


def _matching(files: SourceFiles, patterns: Iterable[str], manifest: str) -> dict[str, Member]:
    patterns = list(patterns)
    excluded = {pattern[1:].strip("/") for pattern in patterns if pattern.startswith("!")}
    found = {}
    for pattern in patterns:
        clean = pattern.strip("/").removeprefix("./").replace("**", "*")
        if pattern.startswith("!") or not clean:
            continue
        for path in files.glob(f"{clean}/{manifest}"):
            folder = path.removesuffix(f"/{manifest}")
            if folder not in excluded:
                found[folder] = Member(
                    path=files.at(folder), name=words(files.json(path).get("name")), language="node"
                )
    return found


def _workspaces(files: SourceFiles) -> list[str]:
    manifest = files.json("package.json")
    declared = manifest.get("workspaces")
    listed = texts(declared) or texts(table(manifest, "workspaces").get("packages"))
    return listed + texts(files.yaml("pnpm-workspace.yaml").get("packages"))


def _lerna(files: SourceFiles) -> list[str]:
    return texts(files.json("lerna.json").get("packages"))


def _rush(files: SourceFiles) -> list[str]:
    projects = files.json("rush.json").get("projects")
    listed = projects if isinstance(projects, list) else []
    folders = (words(one.get("projectFolder")) for one in listed if isinstance(one, dict))
    return [folder for folder in folders if folder]


def _moon(files: SourceFiles) -> list[str]:
    """A list of patterns, a table from names to folders, or both by their names."""
    workspace = files.yaml(".moon/workspace.yml")
    projects = workspace.get("projects")
    named = table(workspace, "projects")
    sources = table(workspace, "projects", "sources") or named
    return [*texts(projects), *texts(named.get("globs")), *texts(list(sources.values()))]


def _nx(files: SourceFiles) -> list[str]:
    layout = table(files.json("nx.json"), "workspaceLayout").values()
    return [f"{folder}/*" for folder in dict.fromkeys((*_NX_FOLDERS, *texts(list(layout))))]
