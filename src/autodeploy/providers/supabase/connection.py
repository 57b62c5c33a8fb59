"""How apps reach a project: through its pooler, and its API.

The pooler speaks IPv4 and IPv6, the server itself IPv6 alone. It takes sessions at port 5432 and
transactions at 6543 of one host (the pooler configuration of a recorded project, 2026-05, and the
official command line, which changes the port).
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from autodeploy.providers.databases import DatabaseHandle
from autodeploy.providers.supabase.shapes import ApiKey, Pooler

_SESSION_PORT = 5432
_TRANSACTION_PORT = 6543


def handle_of(ref: str, pooler: Pooler, password: str, keys: Sequence[ApiKey]) -> DatabaseHandle:
    """The database of a project. Its URL is that of sessions: migrations and prepared statements
    work there. That of transactions, for many short-lived clients, is among the variables."""
    transactions = pooler.db_port if pooler.pool_mode == "transaction" else _TRANSACTION_PORT
    return DatabaseHandle(
        external_id=ref,
        url=_url(pooler, password, _SESSION_PORT),
        variables={
            "DATABASE_TRANSACTION_URL": _url(pooler, password, transactions),
            "SUPABASE_URL": f"https://{ref}.supabase.co",
            **_key_variables(keys),
        },
    )


def _url(pooler: Pooler, password: str, port: int) -> str:
    user, secret, name = (
        quote(each, safe="") for each in (pooler.db_user, password, pooler.db_name)
    )
    return f"postgresql://{user}:{secret}@{pooler.db_host}:{port}/{name}"


def _key_variables(keys: Sequence[ApiKey]) -> Mapping[str, str]:
    """The keys for browsers and for servers. New ones take the places of the legacy ones, which
    Supabase ends some day: both names of each tell the same."""
    public = _key(keys, "publishable") or _key(keys, "legacy", "anon")
    secret = _key(keys, "secret") or _key(keys, "legacy", "service_role")
    found = {
        "SUPABASE_ANON_KEY": public,
        "SUPABASE_PUBLISHABLE_KEY": public,
        "SUPABASE_SERVICE_ROLE_KEY": secret,
        "SUPABASE_SECRET_KEY": secret,
    }
    return {name: key for name, key in found.items() if key}


def _key(keys: Sequence[ApiKey], kind: str, name: str | None = None) -> str | None:
    """The default one of its kind where it is there, else the first. Legacy ones of older projects
    have no type."""
    fitting = [
        each
        for each in keys
        if each.api_key and (each.type or "legacy") == kind and name in (None, each.name)
    ]
    chosen = min(fitting, key=lambda each: each.name != "default", default=None)
    return chosen.api_key if chosen else None
