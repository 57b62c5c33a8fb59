"""The fixtures of the API's OAuth tests: the same walks are held against the descriptions."""

from tests.api.conftest import _close_databases, plain_app, sign_up
from tests.api.oauth.conftest import app, browser, github, member, sso, stranger, supabase, vercel

__all__ = [
    "_close_databases", "app", "browser", "github", "member", "plain_app", "sign_up", "sso",
    "stranger", "supabase", "vercel",
]  # fmt: skip
