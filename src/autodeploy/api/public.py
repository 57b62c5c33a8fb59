"""The one list of routes that answer without a credential. Every other route refuses.

An entry is a method and a route template. A route that is added to the application and not
here is private; ``tests/api/test_public.py`` walks all of them.
"""

#: Pages for people, which hold no data; the API description leaves them out.
PAGES: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/docs"),
        ("GET", "/docs/{name}"),
        ("GET", "/login"),
        ("GET", "/login/{name}"),
        ("GET", "/auth/{provider}/callback"),
        ("GET", "/verify-email"),
        ("GET", "/reset-password"),
        ("GET", "/invitations"),
    }
)

PUBLIC_ROUTES: frozenset[tuple[str, str]] = PAGES | frozenset(
    {
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/login/second-factor"),
        ("POST", "/api/v1/auth/refresh"),
        ("GET", "/api/v1/auth/methods"),
        ("GET", "/api/v1/auth/github/url"),
        ("POST", "/api/v1/auth/github/callback"),
        ("GET", "/api/v1/auth/oidc/url"),
        ("POST", "/api/v1/auth/oidc/callback"),
        ("POST", "/api/v1/invitations/lookup"),
        ("POST", "/api/v1/invitations/accept"),
        ("POST", "/api/v1/auth/verify-email"),
        ("POST", "/api/v1/auth/password-reset"),
        ("POST", "/api/v1/auth/password-reset/confirm"),
        ("POST", "/api/v1/auth/setup"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/api/v1/auth/command-line/token"),
        # It proves itself by its signature.
        ("POST", "/api/v1/webhooks/github/{webhook_id}"),
    }
)


def is_public(method: str, template: str) -> bool:
    """Whether the route answers callers without a credential."""
    return ("GET" if method == "HEAD" else method, template) in PUBLIC_ROUTES
