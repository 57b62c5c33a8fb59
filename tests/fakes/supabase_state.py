"""What the emulated Supabase holds, how it changes over time, and the shapes it is shown in."""

import itertools
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

_WHEN = "2026-11-01T12:00:00Z"
_numbers = itertools.count(1)

#: The life of a project: from how many seconds on it has which status.
COMES_UP = ((0.0, "UNKNOWN"), (3.0, "COMING_UP"), (90.0, "ACTIVE_HEALTHY"))
COMES_BACK = ((0.0, "INACTIVE"), (5.0, "RESTORING"), (60.0, "ACTIVE_HEALTHY"))
GOES = ((0.0, "GOING_DOWN"), (30.0, "REMOVED"))
PAUSES = ((0.0, "PAUSING"), (20.0, "INACTIVE"))
#: The pooler answers a little later than the database.
_POOLER_SECONDS = 25.0
_LEAVING = ("GOING_DOWN", "REMOVED")

REGIONS = {"us-east-1": "East US (North Virginia)", "eu-central-1": "Central EU (Frankfurt)",
           "eu-west-1": "West EU (Ireland)"}  # fmt: skip


def new_ref() -> str:
    """Twenty letters, each time others."""
    number, letters = next(_numbers), ""
    for _ in range(6):
        number, digit = divmod(number, 26)
        letters += string.ascii_lowercase[digit]
    return "abcdefghijklmn" + letters


@dataclass
class Organization:
    slug: str
    name: str
    plan: str = "free"


@dataclass
class Project:
    """``since`` is when ``life`` began, in seconds of the test's time."""

    name: str
    organization: str
    region: str
    password: str
    since: float
    size: str | None = None
    life: tuple[tuple[float, str], ...] = COMES_UP
    ref: str = field(default_factory=new_ref)
    number: int = field(default_factory=lambda: next(_numbers))
    is_branch: bool = False
    #: What is selected of it beside its compute.
    addons: list[Json] = field(default_factory=list)
    #: The requests of each kind, by hours ago.
    requests: list[tuple[int, dict[str, int]]] = field(default_factory=list)

    def begin(self, life: tuple[tuple[float, str], ...], at: float) -> None:
        self.life, self.since = life, at

    def status(self, at: float) -> str:
        return [status for after, status in self.life if at - self.since >= after][-1]

    def is_there(self, at: float) -> bool:
        return self.status(at) != "REMOVED"

    def is_active(self, at: float) -> bool:
        return self.status(at) not in (*_LEAVING, "INACTIVE", "PAUSING")

    def service_status(self, service: str, at: float) -> str:
        late = _POOLER_SECONDS if service == "pooler" else 0.0
        return "ACTIVE_HEALTHY" if self.status(at - late) == "ACTIVE_HEALTHY" else "COMING_UP"


def addon_shape(kind: str, variant: str, amount: float, interval: str, type_: str) -> Json:
    price = {
        "description": f"${amount}/{interval}", "type": type_, "interval": interval,
        "amount": amount,
    }  # fmt: skip
    return {"type": kind, "variant": {"id": variant, "name": variant, "price": price}}


#: By the hour, as recorded (github.com/supabase/cli, 2026-05).
_COMPUTE = {"micro": 0.01344, "small": 0.0206, "medium": 0.0822}


def addons_shape(project: Project) -> Json:
    """A project without a size, on the free plan, has no compute selected."""
    compute = [
        addon_shape("compute_instance", f"ci_{size}", amount, "hourly", "usage")
        for size, amount in _COMPUTE.items()
    ]
    selected = [each for each in compute if each["variant"]["id"] == f"ci_{project.size}"]
    available = {
        "type": "compute_instance", "name": "Compute Instance",
        "variants": [each["variant"] for each in compute],
    }  # fmt: skip
    return {"selected_addons": [*selected, *project.addons], "available_addons": [available]}


def counts_shape(project: Project, now: datetime) -> Json:
    kinds = ("auth", "realtime", "rest", "storage")
    result = [
        {
            "timestamp": (now - timedelta(hours=hours)).isoformat(),
            **{f"total_{kind}_requests": counts.get(kind, 0) for kind in kinds},
        }
        for hours, counts in project.requests
    ]
    return {"result": result}


def organization_shape(organization: Organization) -> Json:
    return {"id": organization.slug, "slug": organization.slug, "name": organization.name}


def organization_detail(organization: Organization) -> Json:
    return {
        "id": organization.slug, "name": organization.name, "plan": organization.plan,
        "opt_in_tags": [], "allowed_release_channels": ["ga"],
    }  # fmt: skip


def made_shape(project: Project, at: float) -> Json:
    return {
        "id": project.ref, "ref": project.ref, "organization_id": project.organization,
        "organization_slug": project.organization, "name": project.name, "region": project.region,
        "created_at": _WHEN, "status": project.status(at),
    }  # fmt: skip


def project_shape(project: Project, at: float) -> Json:
    database = {"host": f"db.{project.ref}.supabase.co", "version": "17.4.1.054",
                "postgres_engine": "17", "release_channel": "ga"}  # fmt: skip
    return {**made_shape(project, at), "database": database}


def listed_shape(project: Project, at: float) -> Json:
    return {
        "ref": project.ref, "name": project.name, "cloud_provider": "AWS", "status":
        project.status(at), "region": project.region, "is_branch": project.is_branch,
        "inserted_at": _WHEN, "databases": [
            {"infra_compute_size": project.size or "nano", "region": project.region,
             "status": "UNKNOWN", "cloud_provider": "AWS", "identifier": project.ref,
             "type": "PRIMARY"},
        ],
    }  # fmt: skip


def regions_shape(full: set[str]) -> Json:
    """``full`` are the regions without room."""

    def specific(code: str) -> Json:
        shape = {"name": REGIONS[code], "code": code, "type": "specific", "provider": "AWS"}
        return {**shape, "status": "capacity"} if code in full else shape

    groups = [{"name": name, "code": code, "type": "smartGroup"}
              for code, name in (("americas", "Americas"), ("emea", "Europe, Middle East"),
                                 ("apac", "Asia-Pacific"))]  # fmt: skip
    return {
        "recommendations": {"smartGroup": groups[1],
                            "specific": [specific("eu-central-1"), specific("eu-west-1")]},
        "all": {"smartGroup": groups, "specific": [specific(code) for code in REGIONS]},
    }  # fmt: skip


def health_shape(project: Project, service: str, at: float) -> Json:
    status = project.service_status(service, at)
    shape = {"name": service, "status": status, "healthy": status == "ACTIVE_HEALTHY"}
    return shape if shape["healthy"] else {**shape, "error": "connection refused"}


def pooler_shape(project: Project, kind: str = "PRIMARY") -> Json:
    place = project.region if kind == "PRIMARY" else "ap-south-1"
    host = f"aws-0-{place}.pooler.supabase.com"
    user = f"postgres.{project.ref}"
    text = f"postgresql://{user}:[YOUR-PASSWORD]@{host}:6543/postgres"
    return {
        "identifier": project.ref, "database_type": kind, "is_using_scram_auth": True,
        "db_user": user, "db_host": host, "db_port": 6543, "db_name": "postgres",
        "connection_string": text, "connectionString": text, "default_pool_size": None,
        "max_client_conn": None, "pool_mode": "transaction",
    }  # fmt: skip


def key_shapes(*, new: bool, legacy: bool) -> list[Json]:
    """The keys of a project's API: those of either kind, or both, as younger projects have."""
    shapes: list[Json] = []
    if legacy:
        shapes += [
            {"name": name, "id": name, "type": "legacy", "api_key": f"legacy-{name}", "prefix": "",
             "description": None, "hash": "h", "inserted_at": None, "updated_at": None,
             "secret_jwt_template": None}
            for name in ("anon", "service_role")
        ]  # fmt: skip
    if new:
        shapes += [
            {"name": "default", "id": kind, "type": kind, "api_key": f"sb_{kind}_0123456789",
             "prefix": kind[:5], "description": None, "hash": "h", "inserted_at": _WHEN,
             "updated_at": _WHEN, "secret_jwt_template": None}
            for kind in ("publishable", "secret")
        ]  # fmt: skip
    return shapes
