"""``providers``: where apps and databases can be, and for how much."""

from autodeploy.cli.terminal import print_fields, print_json, print_table
from autodeploy.cli.user.client import Api, Json

_HEADINGS = ("PROVIDER", "NAME", "HAS", "REGIONS")
_PLAN_HEADINGS = ("PLAN", "FOR", "USD/MONTH", "AS OF", "SOURCE")
_REGION_HEADINGS = ("REGION", "WHERE")
_HAS = {"deploy": "apps", "database": "databases", "source": "repositories"}


def show(name: str | None, *, as_json: bool) -> None:
    """List the providers, or one with its capabilities, regions and plans."""
    api = Api.connect()
    if name is None:
        found = [_read(api, each) for each in api.items("/providers")]
    else:
        found = [_read(api, api.get(f"/providers/{name}/capabilities"))]
    if as_json:
        print_json({"items": found})
    elif name is None:
        print_table(_HEADINGS, [_row(each) for each in found])
    else:
        _print(found[0])


def _read(api: Api, provider: Json) -> Json:
    path = f"/providers/{provider['name']}"
    return {
        **provider,
        "regions": list(api.items(f"{path}/regions")),
        "pricing": list(api.items(f"{path}/pricing")),
    }


def _row(provider: Json) -> tuple[str, ...]:
    has = [what for one, what in _HAS.items() if one in provider["capabilities"]]
    regions = len(provider["regions"])
    return provider["name"], provider["title"], ", ".join(has) or "–", str(regions or "–")


def _print(provider: Json) -> None:
    capabilities = (each.replace("_", " ") for each in provider["capabilities"])
    print_fields(
        {
            "PROVIDER": f"{provider['name']}, {provider['title']}",
            "CAN": ", ".join(capabilities) or "–",
            "DATABASES": ", ".join(provider["engines"]) or "–",
        }
    )
    if provider["regions"]:
        print_table(_REGION_HEADINGS, [(each["id"], each["name"]) for each in provider["regions"]])
    if provider["pricing"]:
        print_table(_PLAN_HEADINGS, [_plan(each) for each in provider["pricing"]])


def _plan(price: Json) -> tuple[str, ...]:
    cents = price["monthlyCents"]
    return (
        price["plan"],
        price["kind"],
        "not known" if cents is None else f"{cents / 100:.2f}",
        price["asOf"],
        price["source"],
    )
