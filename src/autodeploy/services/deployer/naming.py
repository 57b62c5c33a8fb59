"""Names that become parts of addresses: slugs of projects, hosts of environments."""

import re
import secrets
import unicodedata

PRODUCTION = "production"
SLUG_LENGTH = 40
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_RANDOM = "abcdefghijkmnpqrstuvwxyz23456789"
# Names of the platform itself under the proxy's domain.
RESERVED = frozenset({"www", "api", "admin", "app", "autodeploy", "localhost", "dashboard"})


def make_slug(name: str) -> str:
    """A DNS label of at most 40 characters that resembles the name."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    slug = _NOT_SLUG.sub("-", plain).strip("-")[:SLUG_LENGTH].strip("-")
    if not slug or slug in RESERVED or slug.isdigit():
        slug = f"app-{slug}" if slug else f"app-{random_part()}"
    return slug


def make_unlike(slug: str) -> str:
    """Another slug for a name whose slug is taken."""
    return f"{slug[: SLUG_LENGTH - 5].strip('-')}-{random_part()}"


def random_part() -> str:
    """Four characters that are easily told apart."""
    return "".join(secrets.choice(_RANDOM) for _ in range(4))


def host_suffix(environment: str) -> str:
    """What the name of an environment adds to the host of its project."""
    return "" if environment == PRODUCTION else f"-{environment}"
