"""Names that tell a file's content, and names that only look so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from autodeploy.providers.local.fingerprints import Fingerprints

from .conftest import spec

MakeSource = Callable[[dict[str, str]], Path]

BUILT = (
    "index.html",
    "_next/static/chunks/app/[id]/page-1f2e3d4c5b6a7988.js",
    "_next/static/service-worker/sw.js",
    "_next/data.json",
    "_astro/index.BkT3xQ9a.css",
    "_nuxt/BkT3xQ9a.js",
    "_nuxt/builds/latest.json",
    "_app/immutable/chunks/BkT3xQ9a.js",
    "_app/version.json",
    "assets/index-BkT3xQ9a.js",
    "assets/index-Bk-3_Q9a.js.map",
    "assets/plain.js",
    "assets/sub/index-BkT3xQ9a.js",
    "assets/hero-mountain.png",
)
EXPECTED = {
    "nextjs": [BUILT[1]],
    "astro": [BUILT[4]],
    "nuxt": [BUILT[5]],
    "sveltekit": [BUILT[7]],
    "vite": [BUILT[10], BUILT[9]],
    "react-router": [BUILT[10], BUILT[9]],
    "remix": [BUILT[10], BUILT[9]],
    "static-html": [],
    None: [],
}


@pytest.mark.parametrize("framework", EXPECTED)
def test_each_framework_has_its_own_fingerprints(source: MakeSource, framework: str | None) -> None:
    public = {"web/public/assets/hero-mountain.png": "copied"}
    root = source(public | {f"web/dist/{name}": "an earlier build" for name in BUILT[:-1]})
    named = spec(kind="static", framework=framework, output_directory="dist/")
    fingerprints = Fingerprints(named, root, root / "web")
    (root / "web/dist/assets/hero-mountain.png").touch()
    assert fingerprints.below(root / "web/dist") == EXPECTED[framework]


def test_repository_that_is_served_as_it_is_has_none(source: MakeSource) -> None:
    root = source(dict.fromkeys(BUILT, ""))
    served = spec(kind="static", framework="vite", output_directory=".")
    assert Fingerprints(served, root, root).below(root) == []
