"""What a variable's name, default and reads say about it: secret, type, who sets it."""

import re

from autodeploy.services.analyzer.plan import VariableType

# Set by AutoDeploy, the system or a CI service: an app may read them, nobody has to set them.
PLATFORM = frozenset(
    {
        "PORT", "HOST", "NODE_ENV", "PATH", "HOME", "PWD", "USER", "SHELL", "LANG", "TZ", "TERM",
        "TMPDIR", "TEMP", "TMP", "HOSTNAME", "CI", "NO_COLOR", "FORCE_COLOR", "DEBUG", "EDITOR",
        "GITHUB_ACTIONS", "GITHUB_SHA", "GITHUB_REF", "GITLAB_CI", "VERCEL", "VERCEL_ENV",
        "VERCEL_URL", "NETLIFY", "RENDER", "RENDER_EXTERNAL_URL", "DYNO", "APPDATA",
        "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "npm_package_version",
        "npm_config_user_agent", "PYTHONPATH", "DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV",
        "NEXT_RUNTIME", "NEXT_PHASE", "ANALYZE", "JEST_WORKER_ID", "VITEST",
    }
)  # fmt: skip

_SECRET = re.compile(
    r"(^|_)(SECRET|SECRETS|PASSWORD|PASSWD|PASS|PWD|TOKEN|CREDENTIALS?|PRIVATE|SALT|DSN|"
    r"(API|ACCESS|AUTH|ENCRYPTION|SIGNING|SERVICE|MASTER|LICENSE|ROLE|SESSION|COOKIE|JWT)_?KEYS?|"
    r"APIKEY|SECRET_?KEY)(_|$)"
)
_PUBLIC = re.compile(r"^(NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|GATSBY|EXPO_PUBLIC)_")
_DATABASE = re.compile(
    r"(^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|PG|MYSQL|MARIADB|MONGO|MONGODB)_?"
    r"(PRISMA_)?(URL|URI|DSN|CONNECTION|CONNECTION_STRING)(_|$)|^DATABASE$"
)
_DATABASE_VALUE = re.compile(r"^(postgres(ql)?|mysql|mariadb|mongodb)(\+\w+)?://")
_URL = re.compile(r"(^|_)(URL|URI|ENDPOINT|ORIGIN|WEBHOOK)$")
_INTEGER = re.compile(
    r"(^|_)(PORT|TIMEOUT|LIMIT|SIZE|COUNT|SECONDS|MINUTES|HOURS|DAYS|TTL|WORKERS|CONCURRENCY)$"
)
_BOOLEAN = re.compile(r"(^|_)(ENABLED?|DISABLED?|DEBUG)($|_)|^(IS|USE|ENABLE|DISABLE|ALLOW)_")


def is_public(key: str) -> bool:
    """Whether the name's prefix puts the value into what browsers get."""
    return _PUBLIC.match(key) is not None


def is_built_in(key: str) -> bool:
    """Whether the build reads it by its prefix: what browsers get, and what Astro builds with."""
    return is_public(key) or key.startswith("ASTRO_")


def is_secret(key: str, kind: VariableType) -> bool:
    if is_public(key):
        return False
    return kind is VariableType.DATABASE_CONNECTION or _SECRET.search(key.upper()) is not None


def type_of(key: str, value: str | None) -> VariableType:
    """The type by name, then by a default or example value."""
    name = key.upper()
    if _DATABASE.search(name) or _DATABASE_VALUE.match(value or ""):
        return VariableType.DATABASE_CONNECTION
    if _URL.search(name) or re.match(r"https?://", value or ""):
        return VariableType.URL
    if (value or "").lower() in ("true", "false"):
        return VariableType.BOOLEAN
    if re.fullmatch(r"-?\d{1,15}", value or "") or _INTEGER.search(name):
        return VariableType.INTEGER
    return VariableType.BOOLEAN if _BOOLEAN.search(name) else VariableType.STRING
