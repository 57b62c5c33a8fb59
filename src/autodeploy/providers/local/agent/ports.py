"""Loopback ports for apps, below the range that the kernel gives to outgoing connections."""

import os
import random
import socket
import sys
from collections.abc import Container
from pathlib import Path

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.ports import is_free
from autodeploy.providers.local.layout import app_uid

INSTANCE_PORTS = range(30_000, 32_700)
STABLE_PORTS = range(20_000, 29_900)
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"
# 127.0.0.1 and any address, plain and in IPv6, as hexadecimal words of the machine's byte order.
_LOOPBACK = frozenset(
    "".join(f"{int.from_bytes(packed[at : at + 4], sys.byteorder):08X}" for at in range(0, n, 4))
    for text, family, n in (
        ("127.0.0.1", socket.AF_INET, 4),
        ("0.0.0.0", socket.AF_INET, 4),  # noqa: S104 - compared with, not bound to
        ("::", socket.AF_INET6, 16),
        ("::ffff:127.0.0.1", socket.AF_INET6, 16),
    )
    for packed in [socket.inet_pton(family, text)]
)


def host_uid(number: int) -> int:
    """Whom the machine sees an app's processes run as: us, unless we are root."""
    return app_uid(number) if os.geteuid() == 0 else os.geteuid()


def taken_by_others(port: int, uid: int) -> bool:
    """Whether a process of another user than ``uid`` listens where this loopback port leads.

    Apps share the machine's network, so one could wait for the port of another to be free.
    """
    return any(
        int(line[7]) != uid
        for line in listening_rows()
        for address, _, number in [line[1].partition(":")]
        if int(number, 16) == port and address in _LOOPBACK
    )


def listening_rows() -> list[list[str]]:
    """The sockets that listen, as rows of /proc/net/tcp: 1 is the local address, 7 the user, 9
    the inode."""
    return [line for table in _TABLES for line in _lines(table) if line[3] == _LISTEN]


def _lines(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except FileNotFoundError:  # a kernel without IPv6
        return []


def free_port(ports: range, taken: Container[int]) -> int:
    """A free port of ``ports`` that is not ``taken``. Raises ``Unavailable``."""
    for port in random.sample(ports, len(ports)):
        if port not in taken and is_free(port):
            return port
    raise Unavailable(
        f"No port between {ports.start} and {ports.stop} is free on this machine.",
        remedy="Remove apps that are not used, or stop other programs that hold these ports.",
    )
