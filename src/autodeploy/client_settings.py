"""What the operator sets of our clients at providers; a part of ``settings``."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode


def _without_slash(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this is not an address such as https://example.com")
    return url.rstrip("/")


#: The providers that have settings, and those of them whose pages have an address of their own.
PROVIDERS = ("github", "render", "supabase", "vercel")
_WITH_PAGES = ("github", "vercel")

WebAddress = Annotated[str, AfterValidator(_without_slash)]


class ClientSettings(BaseModel):
    """A client that the operator registered at a provider; its secret as a value or in a file."""

    model_config = ConfigDict(extra="forbid")

    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_path: Path | None = None

    @model_validator(mode="after")
    def _read_secret(self) -> Self:
        if self.client_secret_path is not None:
            try:
                self.client_secret = SecretStr(self.client_secret_path.read_text().strip())
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(
                    f"the file of CLIENT_SECRET_PATH cannot be read ({type(error).__name__})"
                ) from None
        return self

    @property
    def secret(self) -> str | None:
        return self.client_secret.get_secret_value() if self.client_secret else None


class ProviderSettings(ClientSettings):
    """``AUTODEPLOY_PROVIDERS__<NAME>__…``: a provider's addresses, and our client there.

    ``slug`` is the name of the integration at Vercel; ``app_id`` and ``private_key_file`` are those
    of the GitHub App that acts for no person.
    """

    api_url: WebAddress | None = None
    web_url: WebAddress | None = None
    slug: str | None = None
    app_id: int | None = Field(default=None, gt=0)
    private_key_file: Path | None = None

    _private_key: SecretStr | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _client_is_whole(self) -> Self:
        if (self.client_id is None) != (self.secret is None):
            raise ValueError("CLIENT_ID and CLIENT_SECRET belong together; set both or none")
        return self

    @model_validator(mode="after")
    def _app_is_whole(self) -> Self:
        if (self.app_id is None) != (self.private_key_file is None):
            raise ValueError("APP_ID and PRIVATE_KEY_FILE belong together; set both or none")
        if self.private_key_file is not None:
            self._private_key = SecretStr(_read_private_key(self.private_key_file))
        return self

    @property
    def private_key(self) -> str | None:
        """That of the GitHub App, as PEM."""
        return self._private_key.get_secret_value() if self._private_key else None


def _read_private_key(file: Path) -> str:
    """Raises ``ValueError`` for a file that holds no key as GitHub gives it, and never shows it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ValueError(
            f"the file of PRIVATE_KEY_FILE cannot be read ({type(error).__name__}): name one that "
            "the user who runs AutoDeploy may read"
        ) from None
    # Imported here: a command that needs no such key does not pay for it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        text, key = content.decode(), load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        text, key = "", None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(
            "the file of PRIVATE_KEY_FILE holds no RSA private key as PEM, without a password: "
            "generate one on the page of the GitHub App and name the file that GitHub gives"
        )
    return text


def check_providers(providers: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
    """Raises ``ValueError`` for settings that nothing would read: the real provider would be asked
    instead of the one that is meant."""
    for name, settings in providers.items():
        variable = f"AUTODEPLOY_PROVIDERS__{name.upper()}"
        if name not in PROVIDERS:
            raise ValueError(
                f"{variable}__… is of no provider that has settings: name one of "
                f"{', '.join(each.upper() for each in PROVIDERS)}"
            )
        if settings.app_id is not None and name != "github":
            raise ValueError(
                f"{variable}__APP_ID is not used: only GITHUB has an app that acts for no person; "
                "unset it"
            )
        if settings.web_url is not None and name not in _WITH_PAGES:
            raise ValueError(
                f"{variable}__WEB_URL is not used: only the pages of "
                f"{' and '.join(each.upper() for each in _WITH_PAGES)} have an address to set; "
                "unset it"
            )
    return providers


class OidcSettings(ClientSettings):
    """``AUTODEPLOY_OIDC__…``: single sign-on with an OpenID Connect provider."""

    issuer: str
    client_id: str
    title: str = "Single sign-on"
    scopes: str = "openid email profile"
    email_domains: Annotated[frozenset[str], NoDecode] = frozenset()

    @field_validator("issuer")
    @classmethod
    def _issuer_is_https(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not parts.hostname or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise ValueError("the issuer is an https address, such as https://id.example.com")
        return issuer

    @field_validator("email_domains", mode="before")
    @classmethod
    def _split_domains(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return {each.strip().lower().lstrip("@") for each in value.split(",") if each.strip()}
