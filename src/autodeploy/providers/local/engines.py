"""The Node that an app's own packages need, where the app does not say which it wants.

Frameworks leave old lines of Node behind sooner than machines do, and their generators write no
``engines`` into the app. What its packages say of themselves is known once they are installed;
it is kept, so that the next build begins with the right one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from autodeploy.providers.local.sources import read_manifest, read_source
from autodeploy.providers.local.toolchain import satisfies
from autodeploy.providers.local.workshop import Workshop

_KINDS = ("dependencies", "devDependencies")
_KEPT = "node-needs.json"


@dataclass(frozen=True)
class Need:
    """A package that the app asks for itself, and the versions of Node that it runs on."""

    package: str
    range: str


def unmet(needs: list[Need], version: str) -> list[Need]:
    """Those of which ``version`` of Node does not suit."""
    return [need for need in needs if not satisfies(version, need.range)]


def installed_needs(shop: Workshop) -> list[Need]:
    """What the installed packages need that ``package.json`` of the app asks for."""
    manifest = read_manifest(shop.workdir / "package.json", shop.root)
    names = [name for kind in _KINDS for name in _table(manifest.get(kind))]
    return [need for name in dict.fromkeys(names) if (need := _need(shop, name)) is not None]


def remember(shop: Workshop, needs: list[Need]) -> None:
    kept = {"for": _key(shop), "needs": [[need.package, need.range] for need in needs]}
    (shop.cache / _KEPT).write_text(json.dumps(kept))


def remembered(shop: Workshop) -> list[Need]:
    """What was needed when these manifests and lock files were built last; else nothing."""
    try:
        kept = json.loads((shop.cache / _KEPT).read_text())
        return [Need(*one) for one in kept["needs"]] if kept["for"] == _key(shop) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _need(shop: Workshop, name: str) -> Need | None:
    for folder in shop.folders():
        package = read_manifest(folder / "node_modules" / name / "package.json", shop.root)
        if package:
            asked = _table(package.get("engines")).get("node")
            return Need(f"{name} {package.get('version')}", asked) if isinstance(
                asked, str) else None  # fmt: skip
    return None


def _key(shop: Workshop) -> str:
    digest = hashlib.sha256()
    locks = map(shop.root.joinpath, shop.request.spec.lock_files)
    for path in (shop.workdir / "package.json", *locks):
        try:
            digest.update(hashlib.sha256(read_source(path, shop.root)).digest())
        except OSError:
            digest.update(b"none")
    return digest.hexdigest()


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
