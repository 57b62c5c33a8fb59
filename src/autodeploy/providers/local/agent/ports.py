"""Loopback ports for apps, below the range that the kernel gives to outgoing connections."""

import random
import socket
from collections.abc import Container

from autodeploy.kernel.errors import Unavailable

INSTANCE_PORTS = range(30_000, 32_700)
STABLE_PORTS = range(20_000, 29_900)


def is_free(port: int) -> bool:
    """Whether nothing listens on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(ports: range, taken: Container[int]) -> int:
    """A free port of ``ports`` that is not ``taken``. Raises ``Unavailable``."""
    for port in random.sample(ports, len(ports)):
        if port not in taken and is_free(port):
            return port
    raise Unavailable(
        f"No port between {ports.start} and {ports.stop} is free on this machine.",
        remedy="Remove apps that are not used, or stop other programs that hold these ports.",
    )
