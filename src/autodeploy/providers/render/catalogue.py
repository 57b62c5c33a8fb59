"""What Render offers, as data: regions and prices with where they were read and when.

The names are those of Render's OpenAPI description (render-oss/sdk, 2026-08-21). Render's own page
of prices was not read: those of services are a third party's, which several others agree with;
those of databases are of single tables, and None where the tables disagree. Of Key Value's, no
source could be verified but that of the free one.
"""

from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest, Price, Region

REGIONS = {
    "oregon": "Oregon, USA",
    "ohio": "Ohio, USA",
    "virginia": "Virginia, USA",
    "frankfurt": "Frankfurt, Germany",
    "singapore": "Singapore",
}
HOME_REGION = "oregon"  # Render's own default
FREE = "free"
#: Private services, background workers and cron jobs have no free plan (schema ``paidPlan``).
LEAST_PAID = "starter"

#: Languages that Render builds without a Dockerfile, and its names of them (schema
#: ``serviceRuntime``, 2026-08-21).
RUNTIMES = {"node": "node", "python": "python", "ruby": "ruby", "go": "go", "rust": "rust",
            "elixir": "elixir"}  # fmt: skip

_SERVICES = (
    "github.com/api-evangelist/render, plans/render-plans-pricing.yml, citing render.com/pricing"
)
_DATABASES = "tables in public repositories of 2025 and 2026, not verified at render.com/pricing"
_KEY_VALUES = "render.com: no source that was read could be verified"
_FREE_KEY_VALUES = "render.com/docs/free (a copy without a date)"
_SERVICE_CENTS = {FREE: 0, "starter": 700, "standard": 2500, "pro": 8500, "pro_plus": 17500,
                  "pro_max": 22500, "pro_ultra": 45000}  # fmt: skip
_DATABASE_CENTS = {FREE: 0, "basic_256mb": 600, "basic_1gb": 1900, "basic_4gb": None}
#: Schema ``keyValuePlan``, without the one that is by agreement.
_PAID_KEY_VALUES = ("starter", "standard", "pro", "pro_plus")

MANIFEST = Manifest(
    name="render",
    title="Render",
    capabilities=frozenset(
        {
            Capability.CONNECT,
            Capability.DATABASE,
            Capability.DATABASE_DRIFT,
            Capability.DATABASE_METRICS,
            Capability.DATABASE_USAGE,
            Capability.DEPLOY,
            Capability.DOMAINS,
            Capability.DRIFT,
            Capability.ENVIRONMENT_VARIABLES,
            Capability.LOGS,
            Capability.METRICS,
            Capability.RESOURCES,
            Capability.ROLLBACK,
            Capability.USAGE,
        }
    ),
    regions=tuple(Region(id=each, name=name) for each, name in REGIONS.items()),
    pricing=(
        Price(FREE, "static", 0, "USD", _SERVICES, "2026-05-04"),
        *(
            Price(plan, "app", cents, "USD", _SERVICES, "2026-05-04")
            for plan, cents in _SERVICE_CENTS.items()
        ),
        *(
            Price(plan, "database", cents, "USD", _DATABASES, "2025")
            for plan, cents in _DATABASE_CENTS.items()
        ),
        Price(FREE, "redis", 0, "USD", _FREE_KEY_VALUES, "2026-11-27"),
        *(
            Price(plan, "redis", None, "USD", _KEY_VALUES, "2026-11-22")
            for plan in _PAID_KEY_VALUES
        ),
    ),
    app_plans={"static": FREE, "service": FREE, "private": LEAST_PAID, "worker": LEAST_PAID},
    engines=(DatabaseEngine.POSTGRESQL, DatabaseEngine.REDIS),
    lacking_plans={"private": frozenset({FREE}), "worker": frozenset({FREE})},
    replicated=True,
    private_databases=True,
    home_region=HOME_REGION,
    private_apps=True,
    languages=frozenset(RUNTIMES),
    image_builds=True,
)
