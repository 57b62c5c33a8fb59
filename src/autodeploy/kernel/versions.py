"""Versions of what callers can change: the tag of a view, and what a caller requires of it.

A tag has two parts, ``"VERSION-DIGEST"``. The version is the moment of the last change that a
caller made (``updated_at``); the digest covers everything that is answered, also what the platform
changes by itself, such as how a release fares. ``If-None-Match`` compares the whole tag, so that
no stale answer counts as fresh; ``If-Match`` compares the version alone, so that an app that
restarts does not stand in the way of renaming its project.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autodeploy.kernel.errors import PreconditionFailed
from autodeploy.kernel.schema import Schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST_CHARACTERS = 22


def etag_of(view: Schema) -> str:
    """The strong tag (RFC 9110, 8.8.3) of what is answered, quotes included.

    A view without ``updated_at`` has its digest as its version too.
    """
    digest = hashlib.sha256(view.model_dump_json(by_alias=True).encode()).hexdigest()
    changed: datetime | None = getattr(view, "updated_at", None)
    version = digest[:_DIGEST_CHARACTERS]
    if changed is not None:
        version = format((changed - _EPOCH) // timedelta(microseconds=1), "x")
    return f'"{version}-{digest[:_DIGEST_CHARACTERS]}"'


@dataclass(frozen=True)
class IfMatch:
    """The versions that a caller wants to change, as its ``If-Match`` names them.

    ``versions`` is None without such a header or with ``*``: then every version will do.
    """

    versions: frozenset[str] | None = None

    @classmethod
    def parse(cls, header: str) -> "IfMatch":
        """From the header's value, a list of tags or ``*``.

        A tag that a compressing proxy made weak (``W/``) counts, since no byte is compared.
        """
        if header.strip() == "*":
            return cls()
        return cls(frozenset(_version_of(tag) for tag in header.split(",")))

    def require(self, view: Schema) -> None:
        """Return when the present ``view`` is of a wanted version.

        Call it inside the transaction that locked the row and before anything is changed: of two
        callers with the same tag, the second sees the first one's version.

        Raises ``PreconditionFailed``.
        """
        if self.versions is not None and _version_of(etag_of(view)) not in self.versions:
            raise PreconditionFailed(
                "It was changed since you read it.",
                field="If-Match",
                remedy="Read it again, repeat the change on it, and send the ETag of that answer.",
            )


#: No condition: for callers inside, and for requests without ``If-Match``.
ANY_VERSION = IfMatch()


def _version_of(tag: str) -> str:
    return tag.strip().removeprefix("W/").strip('"').partition("-")[0]
