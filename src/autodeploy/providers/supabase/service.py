"""Where Supabase's Management API is, and what an account needs to be allowed there."""

from autodeploy.kernel.http.client import Service
from autodeploy.kernel.http.limits import SUPABASE

TITLE = "Supabase"
API_URL = "https://api.supabase.com"

#: The OAuth scopes of the calls that are made (the description's ``x-oauth-scope``, 2026-05). An
#: OAuth app has them set at Supabase; no answer tells which a token was granted.
SCOPES = (
    "organizations:read",
    "projects:read",
    "projects:write",
    "database:read",
    "database:write",
    "secrets:read",
)


def service_at(api_url: str) -> Service:
    """The API at ``api_url``, whose limit is 120 calls a minute (supabase.com/docs, 2026-04)."""
    return Service(name=TITLE, base_url=api_url, limits=SUPABASE)
