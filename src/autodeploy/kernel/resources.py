"""What every service function is given: the kernel's parts, opened once a process."""

from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.db import Database
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.queue import Queues
from autodeploy.kernel.vault import Vault


@dataclass(frozen=True)
class Resources:
    """The parts of one process. Services take this as their first argument."""

    db: Database
    queues: Queues
    events: EventBus
    objects: ObjectStore
    vault: Vault
    git: GitClient
    home: Path
