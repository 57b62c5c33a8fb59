"""What every service function is given: the kernel's parts, opened once a process."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autodeploy.kernel.cache import Cache
from autodeploy.kernel.db import Database
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.http.posting import Poster
from autodeploy.kernel.mail import Mailer
from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.queue import Queues
from autodeploy.kernel.signing import TokenSigner
from autodeploy.kernel.tenancy import Tenancy
from autodeploy.kernel.vault import Vault

if TYPE_CHECKING:
    from autodeploy.kernel.ratelimit import RateLimiter


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The parts of one process. Services take this as their first argument.

    ``signer`` is ``TokenSigner.load(secrets / "jwt.pem")`` and ``cache`` is
    ``Cache.connect(redis_url)``. ``limiter`` is None where the operator switched limits off,
    and in a worker, which answers no calls.
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
    poster: Poster
    mail: Mailer
    limiter: "RateLimiter | None"
    public_url: str
    home: Path

    def acting_for(self, tenancy: Tenancy) -> "Resources":
        """These parts, with a database that shows the rows of ``tenancy`` alone."""
        return replace(self, db=self.db.acting_for(tenancy))
