"""Runs commands that are not ours: own user, own namespaces, limits, and nothing to read."""

from autodeploy.kernel.sandbox.process import SandboxProcess
from autodeploy.kernel.sandbox.runner import OnLine, Sandbox, SandboxUnavailable, stream_lines
from autodeploy.kernel.sandbox.spec import (
    DEFAULT_PATH,
    GIB,
    MIB,
    Bind,
    Limits,
    Network,
    Outcome,
    SandboxSpec,
    SandboxStatus,
)
from autodeploy.kernel.sandbox.terminal import Terminal
from autodeploy.kernel.sandbox.unsandboxed import Unsandboxed, open_sandbox

__all__ = [
    "DEFAULT_PATH",
    "GIB",
    "MIB",
    "Bind",
    "Limits",
    "Network",
    "OnLine",
    "Outcome",
    "Sandbox",
    "SandboxProcess",
    "SandboxSpec",
    "SandboxStatus",
    "SandboxUnavailable",
    "Terminal",
    "Unsandboxed",
    "open_sandbox",
    "stream_lines",
]
