"""Where an app fits best among the providers that are connected, and what each place costs."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

from autodeploy.services.analyzer.needs.find import NAMES
from autodeploy.services.analyzer.plan import AppKind, CostItem, Placement, Plan, Recommendation
from autodeploy.services.analyzer.prices import Price, Prices


class Shape(StrEnum):
    """What an app asks of a provider."""

    STATIC = "It is a set of static files."
    RENDERED = "It renders pages on a server."
    SERVER = "It is a server that runs all the time."
    WORKER = "It is a process that runs all the time and serves no requests."


_SHAPES = {
    AppKind.STATIC: Shape.STATIC,
    AppKind.SSR: Shape.RENDERED,
    AppKind.SERVER: Shape.SERVER,
    AppKind.WORKER: Shape.WORKER,
    AppKind.BOT: Shape.WORKER,
    AppKind.LIBRARY: Shape.SERVER,  # of which nothing but its image is known
}

TITLES = {"local": "this machine", "vercel": "Vercel", "render": "Render", "supabase": "Supabase"}

# Who can run each shape, best first, and why.
_FITTING: Mapping[Shape, Mapping[str, str]] = {
    Shape.STATIC: {
        "vercel": "Vercel serves static files from places that are near their readers.",
        "local": "This machine serves static files without a process of their own.",
        "render": "Render serves static files.",
    },
    Shape.RENDERED: {
        "vercel": "Vercel runs what renders pages only while somebody asks for them.",
        "render": "Render keeps the process that renders pages running.",
        "local": "This machine keeps the process that renders pages running.",
    },
    Shape.SERVER: {
        "render": "Render keeps servers running and starts them again.",
        "local": "This machine keeps servers running and starts them again.",
    },
    Shape.WORKER: {
        "render": "Render runs background workers.",
        "local": "This machine runs workers.",
    },
}

# Their functions cannot write to the files of the app.
_WITHOUT_FILES = frozenset({"vercel"})

# What they serve, everybody reaches: their manifests say so (``private_apps``).
_WITHOUT_PRIVATE = frozenset({"vercel"})

# They run functions of an app, no commands beside it or before a release.
_FUNCTIONS_ALONE = frozenset({"vercel"})

# What others build from source alone; the rest they run where it has a Dockerfile. Their manifests
# say so (``languages``, ``image_builds``).
_LANGUAGES = {"render": frozenset({"node", "python", "ruby", "go", "rust", "elixir"})}
_IMAGE_BUILDERS = frozenset({"render"})

# Where the database goes of an app whose own provider has none: Render lets in its own apps alone.
_DATABASES = ("supabase",)


def recommend(plan: Plan, providers: Sequence[str], prices: Prices) -> Recommendation | None:
    """The best of the connected ``providers`` for an app, with all other places in their order.

    None for what does not run, and where nothing is connected that could have it. What a place
    costs is known only when each of its parts is.
    """
    providers = [name for name in providers if _can_run(name, plan)]
    if not _runs(plan) or not providers:
        return None
    shape = _shape(plan)
    ranked = [_placement(name, shape, plan, providers, prices) for name in _ranked(shape, plan)]
    chosen = next((place for place in ranked if place.connected), None)
    if chosen is None:
        chosen = _placement(providers[0], shape, plan, providers, prices)
    better = ranked[: ranked.index(chosen)] if chosen in ranked else ranked
    reasons = chosen.reasons
    if better:
        names = " and ".join(_title(place.provider) for place in better)
        comes = "comes first, and is" if len(better) == 1 else "come first, and are"
        reasons += (f"{names} {comes} not connected.",)
    return Recommendation(
        **{**dict(chosen), "reasons": reasons},
        alternatives=tuple(place for place in ranked if place is not chosen),
    )


def parts_of(plan: Plan) -> list[str]:
    """What an app is charged for: ``static``, ``service``, ``private`` or ``worker``, and each
    worker beside it; nothing for what does not run."""
    return _parts(_shape(plan), plan) if _runs(plan) else []


def _shape(plan: Plan) -> Shape:
    if plan.kind is AppKind.SSR and plan.worker_commands:
        return Shape.SERVER  # what runs beside it runs all the time, whoever renders the pages
    return _SHAPES[plan.kind]


def _runs(plan: Plan) -> bool:
    return plan.kind is not AppKind.LIBRARY or (plan.image is not None and not plan.apps)


def _can_run(provider: str, plan: Plan) -> bool:
    """Whether the provider would not refuse the app."""
    if plan.private and provider in _WITHOUT_PRIVATE:
        return False
    if provider in _FUNCTIONS_ALONE and _runs_commands(plan):
        return False
    if plan.kind is AppKind.STATIC:
        return True
    if plan.image is not None and provider in _IMAGE_BUILDERS:
        return True
    is_started_by_image = plan.image is not None and plan.start_command is None
    if plan.kind is AppKind.LIBRARY or is_started_by_image:
        return False
    return provider not in _LANGUAGES or plan.language in _LANGUAGES[provider]


def _runs_commands(plan: Plan) -> bool:
    is_worker = _SHAPES[plan.kind] is Shape.WORKER
    return is_worker or bool(plan.worker_commands) or plan.release_command is not None


def _ranked(shape: Shape, plan: Plan) -> list[str]:
    unfit: frozenset[str] = frozenset()
    if any(need.kind == "sqlite" for need in plan.services):
        unfit |= _WITHOUT_FILES
    return [name for name in _FITTING[shape] if name not in unfit and _can_run(name, plan)]


def _placement(
    provider: str, shape: Shape, plan: Plan, providers: Sequence[str], prices: Prices
) -> Placement:
    connected = provider in providers
    services = [need.kind for need in plan.services if need.kind != "sqlite"]
    sellers = {kind: provider for kind in services if f"{provider}.{kind}" in prices}
    database = None
    if "postgresql" in services:
        database = _database(provider, providers if connected else _DATABASES, prices)
        sellers |= {"postgresql": database} if database else {}
    reasons = [shape.value, _FITTING[shape].get(provider, "It is what is connected.")]
    if database:
        beside = "beside the app" if database == provider else "which the app reaches over TLS"
        reasons.append(f"The PostgreSQL database is with {_title(database)}, {beside}.")
    items = [
        *(_cost(provider, part, prices) for part in _parts(shape, plan)),
        *(_cost(seller, kind, prices) for kind, seller in sellers.items()),
    ]
    return Placement(
        provider=provider,
        database=database,
        connected=connected,
        monthly_cost_cents=_total(items),
        price_source="; ".join(dict.fromkeys(item.source for item in items)),
        price_date=min((item.as_of for item in items if item.as_of), default=None),
        cost_items=tuple(items),
        not_included=tuple(NAMES[kind] for kind in services if kind not in sellers),
        reasons=tuple(reasons),
    )


def _database(provider: str, among: Sequence[str], prices: Prices) -> str | None:
    """Who gives the database: the app's own provider where it has any."""
    having = [name for name in (provider, *_DATABASES) if f"{name}.postgresql" in prices]
    return next((name for name in having if name == provider or name in among), None)


def _parts(shape: Shape, plan: Plan) -> list[str]:
    served = "private" if plan.private else "service"
    app = {Shape.STATIC: "static", Shape.WORKER: "worker"}.get(shape, served)
    return [app, *("worker" for _ in plan.worker_commands)]


def _cost(provider: str, part: str, prices: Prices) -> CostItem:
    item = f"{provider}.{part}"
    return _cost_item(item, prices.get(item))


@lru_cache
def _cost_item(item: str, price: Price | None) -> CostItem:
    if price is None:
        return CostItem(item=item, source="not known")
    return CostItem(
        item=item,
        plan=price.plan,
        monthly_cents=price.monthly_cents,
        note=price.note,
        source=price.source,
        as_of=price.as_of.isoformat(),
    )


def _total(items: Sequence[CostItem]) -> int | None:
    cents = [item.monthly_cents for item in items]
    known = [one for one in cents if one is not None]
    return sum(known) if len(known) == len(cents) else None


def _title(provider: str) -> str:
    return TITLES.get(provider, provider)
