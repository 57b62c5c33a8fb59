import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.git.urls import parse_url


@pytest.mark.parametrize(
    ("text", "protocol", "host", "port", "full_name"),
    [
        ("https://github.com/owner/app.git", "https", "github.com", 443, "owner/app"),
        (
            "https://git.example.com:8443/group/sub/app/",
            "https",
            "git.example.com",
            8443,
            "sub/app",
        ),
        ("git@github.com:owner/app.git", "ssh", "github.com", 22, "owner/app"),
        ("host.example:app.git", "ssh", "host.example", 22, "app"),
        ("ssh://git@[2001:db8::1]:2222/app", "ssh", "2001:db8::1", 2222, "app"),
        ("git://example.com/~me/app", "git", "example.com", 9418, "~me/app"),
    ],
)
def test_accepted_url_is_taken_apart(
    text: str, protocol: str, host: str, port: int, full_name: str
) -> None:
    remote = parse_url(text)
    assert (remote.protocol, remote.host, remote.port) == (protocol, host, port)
    assert remote.full_name == full_name


@pytest.mark.parametrize(
    "text",
    [
        "", "/srv/app", "./app", "app", "file:///srv/app", "ext::sh -c id", "ext::id", "-x",
        "--upload-pack=id", "ftp://example.com/app", "https://", "https://example.com",
        "https://example.com/", "https://-x/app", "ssh://-oProxyCommand=id/app", "https://a b/app",
        "-oProxyCommand=id:app", "git@-oProxyCommand=id:app", "host:-app", "https://e.com/a?b=c",
        "https://e.com/a#b", "https://e.com:99999/a", "https://e.com/a\nb", "x" * 3000,
        "http://example.com/app", "ssh://-x@example.com/app",
    ],
)  # fmt: skip
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_url(text)
    assert caught.value.field == "url"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["https://user:word@example.com/a", "https://token@example.com/a", "ssh://git:word@e.com/a"],
)
def test_credentials_in_the_url_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_url(text)
    said = f"{caught.value.message} {caught.value.remedy}"
    assert "connect a token" in said
    assert "word" not in said.replace("password", "")
    assert "token@" not in said


def test_plain_http_is_accepted_where_private_addresses_are() -> None:
    assert parse_url("http://example.com/a", allow_http=True).port == 80
