"""What a build tells of itself: ``release.json``, beside the files of each release."""

import json
from collections.abc import Iterable
from pathlib import Path

from autodeploy.providers.local.toolchain import Interpreter


def write_manifest(
    place: Path, interpreters: Iterable[Interpreter], fingerprinted: list[str]
) -> Path:
    """Write it alone in a folder of ``place``. Returns where.

    Args:
        fingerprinted: the files of a site whose names tell their content, as relative paths.
    """
    manifest = place / "manifest" / "release.json"
    manifest.parent.mkdir()
    manifest.parent.chmod(0o755)
    content = {
        "interpreters": [one.as_json() for one in interpreters],
        "fingerprinted": fingerprinted,
    }
    manifest.write_text(json.dumps(content))
    manifest.chmod(0o644)
    return manifest


def read_interpreters(release: Path) -> list[Interpreter]:
    """What the release was built with."""
    content = json.loads((release / "release.json").read_text())
    return [Interpreter(**one) for one in content["interpreters"]]


def read_fingerprinted(release: Path) -> frozenset[str]:
    """The files of a site whose names tell their content; none in releases of older versions."""
    content = json.loads((release / "release.json").read_text())
    return frozenset(content.get("fingerprinted", ()))
