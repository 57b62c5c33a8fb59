"""Which files of a built site have a fingerprint of their content in their name.

Such a file never changes under its name, so browsers may keep it without asking again.
"""

import os
import re
from pathlib import Path

from autodeploy.providers.base import BuildSpec

# What the frameworks' own servers let browsers keep for ever, as paths in the output folder. Read
# in these packages in November 2026: next 16.4 (server/lib/router-server.js, which leaves out
# service workers), astro 6.0 and @astrojs/node 11.1, nuxt 4.4 (@nuxt/nitro-server, which leaves out
# the list of builds), @sveltejs/kit 2.70 and adapter-node 6.0, vite 8.3 (eight characters of
# base64url, and next to them whatever the app's public folder has), @react-router/serve 7.18.
_VITE = re.compile(r"assets/[^/]+-[A-Za-z0-9_-]{8}(\.[A-Za-z0-9]+)+")
_NAMES = {
    "nextjs": re.compile(r"_next/static/(?!service-worker/).+"),
    "astro": re.compile(r"_astro/.+"),
    "nuxt": re.compile(r"_nuxt/(?!builds/).+"),
    "sveltekit": re.compile(r"_app/immutable/.+"),
    "vite": _VITE,
    "react-router": _VITE,
    "remix": _VITE,
}
_NOT_WRITTEN_BY_HAND = ("node_modules", ".git")


class Fingerprints:
    """Made before the build of an app, to tell its fingerprints from names of its own after it.

    Builds copy some files of the repository as they are, so no name that it has anywhere is a
    fingerprint, however it looks. What an earlier build left in the output folder does not count.
    """

    def __init__(self, spec: BuildSpec, root: Path, workdir: Path):
        """
        Args:
            root: the repository, unpacked; ``workdir`` is the app's folder in it.
        """
        site = spec.kind == "static"
        self._pattern = _NAMES.get(spec.framework or "") if site else None
        output = workdir / (spec.output_directory or ".").strip("/")
        self._own = _names_below(root, output) if self._pattern else frozenset()

    def below(self, output: Path) -> list[str]:
        """The files in the output folder that have one, as sorted relative paths."""
        if self._pattern is None:
            return []
        found = []
        for parent, _, files in os.walk(output):
            for name in set(files) - self._own:
                path = Path(parent, name).relative_to(output).as_posix()
                if self._pattern.fullmatch(path):
                    found.append(path)
        return sorted(found)


def _names_below(root: Path, output: Path) -> frozenset[str]:
    names: set[str] = set()
    for parent, folders, files in os.walk(root):
        here = Path(parent)
        folders[:] = [
            name for name in folders if name not in _NOT_WRITTEN_BY_HAND and here / name != output
        ]
        names.update(files)
    return frozenset(names)
