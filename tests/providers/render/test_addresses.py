"""Where Render says that an app is found: shown to people, and asked whether it is well."""

from dataclasses import replace

import pytest
from tests.providers.render.conftest import SERVER

from autodeploy.providers.render.blueprints import address_of
from autodeploy.providers.render.domains import ServiceDomains
from autodeploy.providers.render.releases import _check_urls
from autodeploy.providers.render.shapes import CustomDomain, Service


def _service(kind: str, url: str | None) -> Service:
    return Service.model_validate(
        {"id": "srv-1", "name": "shop", "ownerId": "tea-1", "type": kind,
         "serviceDetails": {"url": url}}
    )  # fmt: skip


def test_a_site_is_found_and_asked_at_its_address():
    service = _service("web_service", "https://shop-djwo.onrender.com")
    assert address_of(service, SERVER, {}) == "https://shop-djwo.onrender.com"
    assert _check_urls(service) == ("https://shop-djwo.onrender.com",)


@pytest.mark.parametrize(
    "told",
    [None, "", "javascript:alert(1)", "file:///etc/passwd", "http://[::1", "//x", "https://"],
)
def test_what_is_no_address_is_neither_shown_nor_asked(told):
    service = _service("web_service", told)
    assert address_of(service, SERVER, {}) == ""
    assert _check_urls(service) == ()
    domain = CustomDomain(id="cdm-1", name="www.example.com")
    record = ServiceDomains(None, service)._leading(domain)  # type: ignore[arg-type]
    assert record.value == ""


@pytest.mark.parametrize("told", ["shop djwo:10000", "<b>:10000", "@:10000", ""])
def test_what_is_no_name_of_a_private_service_is_not_shown(told):
    private = replace(SERVER, private=True)
    assert address_of(_service("private_service", told), private, {}) == ""
