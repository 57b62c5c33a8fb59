"""The one list of routes that answer without a credential. Every other route refuses.

An entry is a method and a route template. A route that is added to the application and not
here is private; ``tests/api/test_public.py`` walks all of them.
"""

PUBLIC_ROUTES: frozenset[tuple[str, str]] = frozenset(
    {
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/login/second-factor"),
        ("POST", "/api/v1/auth/refresh"),
        ("POST", "/api/v1/auth/verify-email"),
        ("POST", "/api/v1/auth/password-reset"),
        ("POST", "/api/v1/auth/password-reset/confirm"),
        ("POST", "/api/v1/auth/setup"),
        ("GET", "/verify-email"),
        ("GET", "/reset-password"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }
)


def is_public(method: str, template: str) -> bool:
    """Whether the route answers callers without a credential."""
    return ("GET" if method == "HEAD" else method, template) in PUBLIC_ROUTES
