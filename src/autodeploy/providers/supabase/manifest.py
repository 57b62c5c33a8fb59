"""What Supabase has: regions, sizes and prices, as dated facts.

Regions and sizes are those of its description (supabase/cli, 2026-05-22). What is available of them
is asked for when a project is made.
"""

from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest, Price, Region
from autodeploy.providers.supabase.service import TITLE

FREE = "free"

# What compute costs by the hour, as Supabase itself rounds it to a month, in dollars. Of a paid
# organization: $10 of it are covered by the organization's plan.
_MONTHLY_DOLLARS = {
    "micro": 10,
    "small": 15,
    "medium": 60,
    "large": 111,
    "xlarge": 210,
    "2xlarge": 410,
    "4xlarge": 964,
    "8xlarge": 1870,
    "12xlarge": 2800,
    "16xlarge": 3738,
}
#: The plans of a database here: ``free``, or the size of a project in a paid organization.
SIZES = tuple(_MONTHLY_DOLLARS)
#: What a project without a size is charged for in a paid organization.
LEAST_PAID = SIZES[0]

#: The sizes of a project for which none was asked for (the description of 2026-05-22).
UNASKED_SIZES = frozenset({"pico", "nano", LEAST_PAID})

_COMPUTE = "GET /v1/projects/{ref}/billing/addons, as recorded in github.com/supabase/cli"
_BILLING = "supabase.com/docs, organization-based billing (two projects, paused when idle)"

_REGIONS = {
    "us-east-1": "US East (North Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (North California)",
    "us-west-2": "US West (Oregon)",
    "ca-central-1": "Canada (Central)",
    "sa-east-1": "South America (São Paulo)",
    "eu-west-1": "EU West (Ireland)",
    "eu-west-2": "EU West (London)",
    "eu-west-3": "EU West (Paris)",
    "eu-central-1": "EU Central (Frankfurt)",
    "eu-central-2": "EU Central (Zurich)",
    "eu-north-1": "EU North (Stockholm)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-east-1": "Asia Pacific (Hong Kong)",
    "americas": "Americas (where there is room)",
    "emea": "Europe, Middle East and Africa (where there is room)",
    "apac": "Asia Pacific (where there is room)",
}
#: Groups of regions, of which Supabase chooses one.
SMART_GROUPS = frozenset({"americas", "emea", "apac"})

MANIFEST = Manifest(
    name="supabase",
    title=TITLE,
    capabilities=frozenset(
        {
            Capability.CONNECT,
            Capability.DATABASE,
            Capability.DATABASE_DRIFT,
            Capability.DATABASE_METRICS,
            Capability.DATABASE_PAUSES,
            Capability.DATABASE_USAGE,
        }
    ),
    regions=tuple(Region(code, name) for code, name in _REGIONS.items()),
    pricing=(
        Price(FREE, "database", 0, "USD", _BILLING, "2026-11-22"),
        *(
            Price(size, "database", dollars * 100, "USD", _COMPUTE, "2026-05-22")
            for size, dollars in _MONTHLY_DOLLARS.items()
        ),
        Price("pro", "organization", 2500, "USD", "third parties (shipai.today)", "2026-11-22"),
    ),
    engines=(DatabaseEngine.POSTGRESQL,),
)
