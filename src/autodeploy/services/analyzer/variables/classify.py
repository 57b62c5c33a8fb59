"""What a variable's name, default and reads say about it: secret, type, who sets it."""

import re

from autodeploy.services.analyzer.plan import VariableType

# Set by AutoDeploy where nobody sets them: an app that reads them always gets a value.
PLATFORM = frozenset({"PORT", "HOST", "HOSTNAME", "NODE_ENV"})

# Set by the system, by a tool, a test runner, a CI service or another host for itself.
_GIVEN = re.compile(
    r"(PATH|HOME|PWD|USER|USERNAME|USERPROFILE|LOGNAME|SHELL|LANG|LC_ALL|TERM|COLORTERM|TERM_PROGRAM|"
    r"COLUMNS|TMPDIR|TEMP|TMP|EDITOR|VISUAL|APPDATA|LOCALAPPDATA|PROGRAMFILES|SYSTEMROOT|WINDIR|DISPLAY|"
    r"NO_COLOR|FORCE_COLOR|CLICOLOR|NODE|NODE_OPTIONS|NODE_PATH|NODE_APP_INSTANCE|PYTHONPATH|"
    r"PYTHONUNBUFFERED|VIRTUAL_ENV|CONDA_PREFIX|INIT_CWD|XDG_\w+|npm_\w+|PM2_\w+|"
    r"DJANGO_SETTINGS_MODULE|CI|CI_\w+|CONTINUOUS_INTEGRATION|BUILD_NUMBER|GITHUB_(ACTIONS?|SHA|REF|REF_NAME|REF_TYPE|HEAD_REF|"
    r"BASE_REF|RUN_\w+|WORKFLOW|WORKSPACE|EVENT_\w+|ACTOR|REPOSITORY|OUTPUT|ENV|STEP_SUMMARY)|GITLAB_CI|"
    r"CIRCLECI|CIRCLE_\w+|TRAVIS|TRAVIS_\w+|BUILDKITE|JENKINS_\w+|CODESPACES|CODESPACE_NAME|GITPOD_\w+|"
    r"VERCEL|VERCEL_(ENV|URL|BRANCH_URL|REGION|TARGET_ENV|PROJECT_PRODUCTION_URL|DEPLOYMENT_ID|GIT_\w+)|"
    r"NEXT_PUBLIC_VERCEL_(ENV|URL|GIT_\w+)|NETLIFY|NETLIFY_(DEV|LOCAL|IMAGES_\w+)|DEPLOY_PRIME_URL|"
    r"CF_PAGES|CF_PAGES_\w+|WORKERS_CI|RENDER|RENDER_(EXTERNAL_\w+|SERVICE_\w+|INSTANCE_ID|GIT_\w+)|"
    r"DYNO|HEROKU_(APP_\w+|DYNO_ID|SLUG_COMMIT|RELEASE_VERSION|TEST_RUN_\w+)|RAILWAY_\w+|"
    r"FLY_(APP_NAME|REGION|MACHINE_ID|ALLOC_ID|IMAGE_REF)|K_(SERVICE|REVISION|CONFIGURATION)|"
    r"KUBERNETES_(SERVICE|PORT)\w*|AWS_LAMBDA_\w+|AWS_EXECUTION_ENV|LAMBDA_TASK_ROOT|GAE_\w+|WEBSITE_\w+|"
    r"ECS_CONTAINER_METADATA_URI\w*|DENO_(DEPLOYMENT_ID|REGION)|"
    r"NEXT_(RUNTIME|PHASE|MANUAL_SIG_HANDLE)|TURBOPACK|TURBO_HASH|NITRO_PRESET|EXPO_OS|STORYBOOK|"
    r"VITEST|VITEST_\w+|JEST_WORKER_ID|PLAYWRIGHT|PLAYWRIGHT_TEST_\w+|CI_PLAYWRIGHT|CYPRESS|CYPRESS_\w+|"
    r"PYTEST_CURRENT_TEST|PYTEST_XDIST_WORKER|COVERAGE_PROCESS_START|TESTING|RUN_MAIN|"
    r"WERKZEUG_RUN_MAIN|SPHINX_\w+|READTHEDOCS\w*)"
)


def is_given(key: str) -> bool:
    """Whether a system, a tool or another host sets it for itself, so that nobody has to."""
    return _GIVEN.fullmatch(key) is not None


_SECRET = re.compile(
    r"(^|_)(SECRET|SECRETS|PASSWORD|PASSWD|PASS|PWD|TOKEN|CREDENTIALS?|PRIVATE_?KEY|SALT|DSN|"
    r"(API|APP|ACCESS|ACCOUNT|AUTH|ENCRYPTION|SIGNING|SERVICE|STORAGE|MASTER|LICENSE|ROLE|SESSION|"
    r"COOKIE|JWT|HMAC)_?KEYS?|APIKEY|SECRET_?KEY)(_|$)|_PRIVATE$"
)
# What is said about a secret is none: how long it lasts, where it lies, whether there is one.
_ABOUT_SECRET = re.compile(
    r"_(EXPIR(ES|E|Y|ATION)(_\w+)?|TTL|LIFETIME|MAX_AGE|SECONDS|MINUTES|HOURS|DAYS|LENGTH|LIMIT|"
    r"ENABLED|ALGORITHM|ISSUER|AUDIENCE|FILE|PATH|HEADER|COOKIE_NAME|URL|HOST)$"
)
_PUBLIC = re.compile(
    r"^(NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|GATSBY|EXPO_PUBLIC|VUE_APP)_"
)
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
    name = key.upper()
    if kind is VariableType.DATABASE_CONNECTION:
        return True
    return _SECRET.search(name) is not None and _ABOUT_SECRET.search(name) is None


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
