"""A sandbox's paths as those of the machine, for a command that runs without a sandbox."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from autodeploy.kernel.sandbox.spec import SandboxSpec

TEMPORARY = "/tmp"  # noqa: S108 - the name of the folder inside

# Where a path may begin: not within another one, but after the scheme of a URL.
_BEGINNING = r"(?:(?<![\w./~-])|(?<=://)|(?<=:///))"


def translated(spec: SandboxSpec, temporary: Path) -> SandboxSpec:
    """``spec`` with the sources of its binds in place of their targets, and no binds.

    ``temporary`` stands for the private /tmp. Commands keep the name /tmp: a script that they
    call may know it, and the machine has one too.
    """
    places = {bind.target: str(bind.source) for bind in spec.binds}
    private = {**places, TEMPORARY: str(temporary)}
    places.pop(TEMPORARY, None)
    in_command, elsewhere = _replacing(places), _replacing(private)
    environment = {key: elsewhere(value) for key, value in spec.environment.items()}
    return replace(
        spec,
        argv=tuple(map(in_command, spec.argv)),
        cwd=elsewhere(spec.cwd),
        environment={"TMPDIR": str(temporary), **environment},
        binds=(),
    )


def _replacing(places: Mapping[str, str]) -> Callable[[str], str]:
    if not places:
        return lambda text: text
    targets = "|".join(re.escape(target) for target in sorted(places, key=len, reverse=True))
    pattern = re.compile(f"{_BEGINNING}({targets})(?![\\w.-])")
    return lambda text: pattern.sub(lambda match: places[match[1]], text)
