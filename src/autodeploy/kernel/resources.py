"""What every service function is given: the kernel's parts, opened once a process."""

from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.cache import Cache
from autodeploy.kernel.db import Database
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.mail import Mailer
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.queue import Queues
from autodeploy.kernel.ratelimit import RateLimiter
from autodeploy.kernel.signing import TokenSigner
from autodeploy.kernel.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The parts of one process. Services take this as their first argument.

    ``signer`` is ``TokenSigner.load(secrets / "jwt.pem")`` and ``cache`` is
    ``Cache.connect(redis_url)``. ``limiter`` is None where the operator switched limits off.
    ``public_url`` is where users reach this installation, without a slash at its end.
    """

    db: Database
    queues: Queues
    events: EventBus
    cache: Cache
    objects: ObjectStore
    vault: Vault
    signer: TokenSigner
    git: GitClient
    mail: Mailer
    limiter: RateLimiter | None
    public_url: str
    home: Path
