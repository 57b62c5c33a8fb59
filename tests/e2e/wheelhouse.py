"""A folder of wheels made from what this environment has installed.

Apps under test install their requirements from it, so that no test reaches a registry.
"""

import base64
import hashlib
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name

_NOT_PACKED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


def build_wheelhouse(folder: Path, names: Iterable[str]) -> None:
    """Write wheels of the named distributions and of all that they require to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for found in _closure(names):
        wheel = folder / f"{_stem(found)}.whl"
        _repack(found, wheel)
        wheel.chmod(0o644)


def _closure(names: Iterable[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        requirements = (Requirement(text) for text in found[name].requires or ())
        waiting += [
            item.name
            for item in requirements
            if item.marker is None or item.marker.evaluate({"extra": ""})
        ]
    return list(found.values())


def _stem(found: Distribution) -> str:
    """``name-version-tag`` with the tag of the wheel that fits this interpreter best."""
    lines = (found.read_text("WHEEL") or "").splitlines()
    own = {line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")}
    tag = next(str(tag) for tag in sys_tags() if str(tag) in own)
    name = canonicalize_name(found.metadata["Name"]).replace("-", "_")
    return f"{name}-{found.version}-{tag}"


def _repack(found: Distribution, wheel: Path) -> None:
    record: list[str] = []
    information = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for file in found.files or ():
            if file.parts[0] == ".." or file.suffix == ".pyc":
                continue
            if file.parent.name.endswith(".dist-info"):
                information = str(file.parent)
                if file.name in _NOT_PACKED:
                    continue
            content = file.read_binary()
            archive.writestr(str(file), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record.append(f"{file},sha256={digest.decode()},{len(content)}")
        record.append(f"{information}/RECORD,,")
        archive.writestr(f"{information}/RECORD", "\n".join(record) + "\n")
