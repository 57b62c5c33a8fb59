"""``/api/v1/providers``: what each provider can do, where, and for how much."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.schema import Page, Schema
from autodeploy.providers.manifests import Capability, DatabaseEngine, Manifest
from autodeploy.providers.registry import Registry

router = APIRouter(prefix="/api/v1/providers", tags=["providers"])


class ProviderView(Schema):
    """A provider and what it can do; ``engines`` are those of its databases."""

    name: str
    title: str
    capabilities: list[Capability]
    engines: list[DatabaseEngine]


class RegionView(Schema):
    """A place where a provider runs apps or databases."""

    id: str
    name: str


class PriceView(Schema):
    """A plan's price on the day ``as_of``; ``monthly_cents`` is null where it is not known."""

    plan: str
    kind: str
    monthly_cents: int | None
    currency: str
    source: str
    as_of: str


async def _get_registry(request: Request) -> Registry:
    registry: Registry = request.app.state.providers
    return registry


ProvidersDep = Annotated[Registry, Depends(_get_registry)]


async def _list_manifests(registry: ProvidersDep) -> list[Manifest]:
    return registry.list()


ManifestsDep = Annotated[list[Manifest], Depends(_list_manifests)]


async def _get_manifest(manifests: ManifestsDep, name: str) -> Manifest:
    for manifest in manifests:
        if manifest.name == name:
            return manifest
    names = ", ".join(manifest.name for manifest in manifests)
    raise NotFound("No such provider.", field="name", remedy=f"Name one of {names}.")


ManifestDep = Annotated[Manifest, Depends(_get_manifest)]


@router.get("", operation_id="listProviders")
async def list_providers(manifests: ManifestsDep) -> Page[ProviderView]:
    """The providers of this platform."""
    return Page(items=[_view(manifest) for manifest in manifests])


@router.get("/{name}/capabilities", operation_id="getProviderCapabilities")
async def get_capabilities(manifest: ManifestDep) -> ProviderView:
    """What one provider can do."""
    return _view(manifest)


@router.get("/{name}/regions", operation_id="listProviderRegions")
async def list_regions(manifest: ManifestDep) -> Page[RegionView]:
    """Where one provider runs apps and databases."""
    return Page(items=[RegionView.model_validate(region) for region in manifest.regions])


@router.get("/{name}/pricing", operation_id="listProviderPrices")
async def list_prices(manifest: ManifestDep) -> Page[PriceView]:
    """The plans of one provider with their dated prices."""
    return Page(items=[PriceView.model_validate(price) for price in manifest.pricing])


def _view(manifest: Manifest) -> ProviderView:
    return ProviderView(
        name=manifest.name,
        title=manifest.title,
        capabilities=sorted(manifest.capabilities),
        engines=list(manifest.engines),
    )
