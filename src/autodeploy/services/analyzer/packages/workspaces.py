"""Workspaces of JavaScript: the members of one, and what of them an app is built with."""

import re
from collections.abc import Iterator, Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.members import members_of
from autodeploy.services.analyzer.plan import Command

# A name that a shell reads as one plain word (https://docs.npmjs.com/package-name-guidelines).
_NAME = re.compile(r"(@[\w.-]+/)?[\w.-]+")
_KINDS = ("dependencies", "devDependencies", "optionalDependencies")
# How each manager runs a script of one member, from the workspace's root.
_BUILDS = {
    "npm": "npm run build --workspace={}",
    "pnpm": "pnpm --filter {} run build",
    "yarn": "yarn workspace {} run build",
    "bun": "bun run --filter {} build",
}


def sibling_builds(files: SourceFiles, manager: str) -> Command | None:
    """The line that builds the members that the app at ``files`` depends on, in their order.

    It runs in the app's folder. None when the app is in no workspace, or needs no such build.
    """
    if not files.root:
        return None
    for above in files.parents():
        members = {
            member.name: SourceFiles(files.tree, member.path)
            for member in members_of(above)
            if member.name and _NAME.fullmatch(member.name)
        }
        if any(member.root == files.root for member in members.values()):
            needed = list(_needed(files, members, set()))
            lines = [_BUILDS[manager].format(name) for name in needed]
            if not lines:
                return None
            up = "/".join(".." for _ in _parts(files.root, above.root))
            return Command(
                command=f"(cd {up} && {' && '.join(lines)})",
                reason=f"members of the workspace that it depends on: {', '.join(needed)}",
            )
    return None


def _needed(
    files: SourceFiles, members: Mapping[str, SourceFiles], seen: set[str]
) -> Iterator[str]:
    """The members with a build script that ``files`` depends on, those they need before them."""
    manifest = files.json("package.json")
    for name in (name for kind in _KINDS for name in table(manifest, kind)):
        if name in members and name not in seen and members[name].root != files.root:
            seen.add(name)
            yield from _needed(members[name], members, seen)
            if words(table(members[name].json("package.json"), "scripts").get("build")):
                yield name


def _parts(path: str, base: str) -> list[str]:
    return path.removeprefix(base).strip("/").split("/")
