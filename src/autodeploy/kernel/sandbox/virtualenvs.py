"""Python's virtual environments name their own path in many files: after a move they are mended.

An app's files move when it is built without a sandbox, or when the machine changes from one to
the other. What runs here runs as the app's user, and before the command that needs it.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from autodeploy.kernel.sandbox.spec import DEFAULT_PATH, Bind, Limits, SandboxSpec

_MADE_AT = re.compile(r"""^\s*(?:export )?VIRTUAL_ENV=["']?(/[^"'\n]*?)["']?\s*$""", re.MULTILINE)
_LIMITS = Limits(seconds=60)
_READ_BYTES = 16384

# Arguments: the environment, and the folder that moved with it. Each file is replaced, never
# written to: it may be a hard link to the one that is kept. ``activate``, which names the old
# path, comes last, so that what was interrupted is done again.
_MEND = f"""
import glob, os, re, sys
venv, root = sys.argv[1:]
activate = venv + "/bin/activate"
old = re.search({_MADE_AT.pattern!r}, open(activate).read(), re.MULTILINE)[1]
inner = venv[len(root):]

def mend(path, old, new):
    if os.path.islink(path) or not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        content = file.read()
    pattern = re.escape(old.encode()) + rb"(?![\\w.-])"
    if b"\\0" in content or not re.search(pattern, content):
        return
    with open(path + ".mended", "wb") as file:
        file.write(re.sub(pattern, lambda _: new.encode(), content))
    os.chmod(path + ".mended", os.stat(path).st_mode & 0o777)
    os.replace(path + ".mended", path)

if inner and old.endswith(inner):
    packages = venv + "/lib/python*/site-packages/"
    for name in ("*.pth", "*.egg-link", "__editable__*.py"):
        for path in glob.glob(packages + name):
            mend(path, old[:-len(inner)], root)
for path in sorted(glob.glob(venv + "/bin/*")) + [venv + "/pyvenv.cfg"]:
    if path != activate:
        mend(path, old, venv)
mend(activate, old, venv)
"""


def moved_environments(spec: SandboxSpec, seen: Callable[[Bind], str]) -> Iterator[SandboxSpec]:
    """What mends each environment on ``spec``'s PATH that was made at another path.

    ``seen`` tells where the command will see a bind.
    """
    for entry in dict.fromkeys(spec.environment.get("PATH", "").split(":")):
        venv = PurePosixPath(entry).parent
        around = [bind for bind in spec.binds if venv.is_relative_to(bind.target)]
        if not entry.endswith("/bin") or not around:
            continue
        bind = max(around, key=lambda one: len(one.target))
        inner = venv.relative_to(bind.target)
        made_at = _made_at(bind.source / inner / "bin/activate")
        if made_at is not None and made_at != str(PurePosixPath(seen(bind)) / inner):
            yield replace(
                spec,
                argv=(f"{venv}/bin/python", "-I", "-S", "-c", _MEND, str(venv), bind.target),
                cwd="/",
                binds=tuple(
                    replace(one, writable=True) if one is bind else one for one in spec.binds
                ),
                environment={"PATH": DEFAULT_PATH},
                limits=_LIMITS,
            )


def _made_at(activate: Path) -> str | None:
    """The path that an environment was made at. The file is the user's: it may be anything."""
    try:
        descriptor = os.open(activate, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        found = _MADE_AT.search(os.read(descriptor, _READ_BYTES).decode(errors="replace"))
    finally:
        os.close(descriptor)
    return found[1] if found else None
