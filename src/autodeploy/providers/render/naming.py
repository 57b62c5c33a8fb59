"""Names at Render by which what is ours is found again: none of its calls has an idempotency key,
and nothing there holds an id of ours but the name.

A service's name is a part of its address, so it is a DNS label.
"""

import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import App

_NOT_LABEL = re.compile(r"[^a-z0-9]+")
_KEY = re.compile(r"(srv-[^/]+)/(dep-[^/]+)/([0-9a-f-]{36})")
_LONGEST = 63
_SUFFIX = 8


def service_name(app: App) -> str:
    """One service for each environment of a project."""
    return _named(app, app.environment_id.hex[:_SUFFIX])


def database_name(app: App, database_id: UUID) -> str:
    return _named(app, database_id.hex)


def is_database_of(name: str, database_id: UUID) -> bool:
    """Whether a database of that name was made for the one of that id."""
    return name.endswith(f"-{database_id.hex}")


def _named(app: App, suffix: str) -> str:
    plain = _NOT_LABEL.sub("-", f"{app.project_slug}-{app.environment}".lower())
    room = _LONGEST - len(suffix) - 1
    return f"{plain.strip('-')[:room].strip('-') or 'app'}-{suffix}"


@dataclass(frozen=True)
class Build:
    """Where a build lies: the key of its artifact. A deploy is found by its service alone.

    ``deployment_id`` is that which it was made for; any other one that releases it uses it again.
    """

    service: str
    deploy: str
    deployment_id: UUID

    @classmethod
    def of(cls, key: str) -> Self:
        """Raises ``DeploymentFailed`` for a key of another provider."""
        matched = _KEY.fullmatch(key)
        if matched is None:
            raise DeploymentFailed(
                "This build was not made at Render, so it cannot be released there.",
                remedy="Deploy the commit again.",
            )
        service, deploy, deployment_id = matched.groups()
        return cls(service, deploy, UUID(deployment_id))

    @property
    def key(self) -> str:
        return f"{self.service}/{self.deploy}/{self.deployment_id}"
