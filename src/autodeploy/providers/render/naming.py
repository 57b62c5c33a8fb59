"""Names at Render by which what is ours is found again: none of its calls has an idempotency key,
and nothing there holds an id of ours but the name, and a variable that tells the deployment.

A service's name is a part of its address, so it is a DNS label.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Self
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.base import App

#: What the platform gives each app: which deployment it is.
DEPLOYMENT = "AUTODEPLOY_DEPLOYMENT_ID"
#: Our own note at a service: for which deployment it was released, and the newest deploy before;
#: or that it stands still because its app went to another provider.
MARK = "AUTODEPLOY_RELEASE"
LEFT = "left"

_NOT_LABEL = re.compile(r"[^a-z0-9]+")
_KEY = re.compile(r"(srv-[^/]+)/(dep-[^/]+)/([0-9a-f-]{36})")
_LONGEST = 63
_SUFFIX = 8
# What runs beside an app has its own name cut shorter, and a digest of it whole: no two that an
# app has are called alike. No digit of a hexadecimal number begins the last part, so that none is
# called as an app is.
_LABEL = 20
_DIGEST = 6
_WORKER, _CRON = "w", "s"
_OURS = re.compile(r"[a-z0-9-]+-[0-9a-f]{8}(-[a-z0-9-]+-[ws][0-9a-f]{6})?")


def service_name(app: App) -> str:
    """One service for each environment of a project."""
    return _named(app, app.environment_id.hex[:_SUFFIX])


def worker_name(app: App, worker: str) -> str:
    """One service for each worker that an environment has beside its app."""
    return _beside(app, worker, _WORKER)


def cron_name(app: App, cron: str) -> str:
    """One service for each cron that an environment has beside its app."""
    return _beside(app, cron, _CRON)


def names_beside(app: App) -> Callable[[str], bool]:
    """Whether a service of that name runs beside the app, also one that it has no more."""
    ours = re.compile(rf"{_stem_beside(app)}-[a-z0-9-]+-[{_WORKER}{_CRON}][0-9a-f]{{{_DIGEST}}}")
    return lambda name: ours.fullmatch(name) is not None


def may_be_ours(name: str) -> bool:
    """Whether a service of an app, or of what runs beside one, may have that name."""
    return _OURS.fullmatch(name) is not None


def database_name(app: App, database_id: UUID) -> str:
    return _named(app, database_id.hex)


def is_database_of(name: str, database_id: UUID) -> bool:
    """Whether a database of that name was made for the one of that id."""
    return name.endswith(f"-{database_id.hex}")


def _beside(app: App, name: str, letter: str) -> str:
    digest = sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{_stem_beside(app)}-{_label(name, _LABEL) or 'process'}-{letter}{digest}"


def _stem_beside(app: App) -> str:
    return _named(app, app.environment_id.hex[:_SUFFIX], _LABEL + _DIGEST + len("--w"))


def _named(app: App, suffix: str, behind: int = 0) -> str:
    """With room for ``behind`` more characters."""
    room = _LONGEST - behind - len(suffix) - 1
    return f"{_label(f'{app.project_slug}-{app.environment}', room) or 'app'}-{suffix}"


def _label(text: str, longest: int) -> str:
    return _NOT_LABEL.sub("-", text.lower()).strip("-")[:longest].strip("-")


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
