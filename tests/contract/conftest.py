"""The fixtures of the API's OAuth tests: the same walks are held against the descriptions."""

from tests.api.conftest import sign_up
from tests.api.oauth.conftest import app, browser, github, member, sso, stranger, vercel

__all__ = ["app", "browser", "github", "member", "sign_up", "sso", "stranger", "vercel"]
