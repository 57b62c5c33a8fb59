"""Where the processes of an app listen: what to tell when its own port stays silent."""

import contextlib
import ipaddress
import os
import sys
from pathlib import Path

from autodeploy.kernel.processes import descendants
from autodeploy.providers.local.agent.ports import listening_rows

_SOCKET = "socket:["


def listening(init_pid: int) -> tuple[str, ...]:
    """The ``address:port`` pairs on which the process or one below it listens, sorted."""
    inodes = {inode for pid in (init_pid, *descendants(init_pid)) for inode in _sockets(pid)}
    return tuple(sorted({_pair(row[1]) for row in listening_rows() if row[9] in inodes}))


def _sockets(pid: int) -> set[str]:
    """The inodes of a process's open sockets; none of one that is gone or not ours to see."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = str(Path(descriptor.path).readlink())
                if target.startswith(_SOCKET):
                    found.add(target.removeprefix(_SOCKET).rstrip("]"))
    return found


def _pair(text: str) -> str:
    """``0100007F:0BB8`` as ``127.0.0.1:3000``: words of the machine's byte order, hexadecimal."""
    words, _, port = text.partition(":")
    packed = b"".join(
        int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8)
    )
    address = ipaddress.ip_address(packed)
    shown = f"[{address}]" if address.version == 6 else str(address)
    return f"{shown}:{int(port, 16)}"
