import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.http.addresses import (
    AddressRefused,
    HostNotFound,
    check_address,
    is_public,
    site,
)

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1", "::1", "::", "fe80::1",
    "fc00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "::ffff:169.254.169.254", "fd00:ec2::254",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_address_inside_a_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["140.82.121.3", "1.1.1.1", "2606:4700::1111"])
def test_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "2130706433", "0x7f.1"])
async def test_host_that_means_loopback_is_refused(host: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        await check_address(host, 443, False)
    assert "AUTODEPLOY_ALLOW_PRIVATE_ADDRESSES" in (caught.value.remedy or "")


async def test_loopback_is_given_where_the_operator_allows_it() -> None:
    assert "127.0.0.1" in await check_address("127.0.0.1", 80, True)


async def test_host_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(host: str, port: int) -> tuple[str, ...]:
        return ("1.1.1.1", "10.0.0.1")

    monkeypatch.setattr("autodeploy.kernel.http.addresses._resolve", answer)
    with pytest.raises(AddressRefused):
        await check_address("example.com", 443, False)
    assert await check_address("example.com", 443, True) == ("1.1.1.1", "10.0.0.1")


async def test_name_without_address_is_not_found() -> None:
    with pytest.raises(HostNotFound):
        await check_address("no-such-host.invalid", 443, False)


@pytest.mark.parametrize("host", ["", "a b", "a\nb"])
async def test_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput):
        await check_address(host, 443, False)


@pytest.mark.parametrize(
    "address",
    ["https://shop.example.com", "http://shop-abcd:10000", "https://a_b-1.example.com/x?y=1",
     "http://127.0.0.1:8080/"],
)  # fmt: skip
def test_the_address_of_a_site_is_one(address: str) -> None:
    assert site(address) == address


@pytest.mark.parametrize(
    "address",
    [None, "", "shop.example.com", "javascript:alert(1)", "file:///etc/passwd", "https://",
     "https://user:secret@example.com", "https://example.com:99999", "https://example.com:0",
     "https://exa mple.com", "https://example.com/\n", "http://[::1", "https://\u0435xample.com",
     "https://example..com", "//example.com"],
)  # fmt: skip
def test_what_is_no_address_of_a_site_is_none(address: str | None) -> None:
    assert site(address) is None
