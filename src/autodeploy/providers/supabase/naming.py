"""The names of projects, by which one that was made is found again.

Supabase's names hold up to 256 characters and need not be unique, and projects have no labels: so
the end of a name tells whose database it is.
"""

import re
from uuid import UUID

from autodeploy.providers.base import App

_LONGEST_WORDS = 100
_SUFFIX = 12


def name_of(app: App, database_id: UUID) -> str:
    """Such as ``shop-production-0f3a…``; always the same for a database."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{app.project_slug}-{app.environment}".lower())
    return f"{words[:_LONGEST_WORDS].strip('-')}-{suffix_of(database_id)}"


def suffix_of(database_id: UUID) -> str:
    """The random part of the id: 48 bits."""
    return database_id.hex[-_SUFFIX:]
