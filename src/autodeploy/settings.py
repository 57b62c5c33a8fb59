"""The operator's settings, read from the environment. Only cli, app and roles import this."""

import ipaddress
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

import platformdirs
from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from autodeploy.client_settings import OidcSettings, ProviderSettings, check_providers
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.redaction import passwords_in
from autodeploy.kernel.sandbox import MIB, Limits
from autodeploy.kernel.vault_url import TransitAddress, parse_transit_url

# A unix socket's path may have 107 bytes; this is the longest that we add to the home folder.
_LONGEST_SOCKET = "/run/apps-postgres/.s.PGSQL.65535"
_SOCKET_PATH_BYTES = 107

# What a browser sends as Origin: lower case, no path, IPv6 addresses in brackets.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class ConfigurationError(Exception):
    """The settings do not allow a start; the text names each one and its remedy."""


def default_home() -> Path:
    """``/var/lib/autodeploy`` for root, else the user's data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/autodeploy")
    return Path(platformdirs.user_data_dir("autodeploy"))


class Settings(BaseSettings):
    """Every field is the variable ``AUTODEPLOY_<FIELD>`` unless it says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="AUTODEPLOY_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        populate_by_name=True,
        extra="ignore",
    )

    home: Path = Field(default_factory=default_home)
    env: Literal["development", "production"] = "development"
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=1, le=65535)
    proxy_port: int = Field(default=8080, ge=1, le=65535)
    database_url: str | None = Field(default=None, repr=False)
    redis_url: str | None = Field(default=None, repr=False)
    vault_url: str | None = Field(default=None, repr=False)
    objects_url: str | None = Field(default=None, repr=False)
    vault_role_id: str | None = Field(default=None, repr=False)
    vault_role_id_file: Path | None = None
    vault_secret_id: SecretStr | None = None
    vault_secret_id_file: Path | None = None
    vault_token_file: Path | None = None
    master_key_path: Path | None = None
    jwt_key_path: Path | None = None
    public_url: str | None = None
    smtp_url: str | None = Field(default=None, repr=False)
    mail_from: str | None = None
    admin_email: str = "admin@localhost.localdomain"
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        default=["http://localhost:3000"], validation_alias="ALLOWED_ORIGINS"
    )
    allow_private_addresses: bool = False
    allow_unsandboxed: bool = False
    rate_limits: str | None = None
    trusted_proxies: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: str | None = None
    lease_seconds: float = Field(default=15, gt=0, le=300)
    health_seconds: float = Field(default=60, gt=0, le=3600)
    watch_seconds: float = Field(default=300, ge=0, le=3600)
    log_archive_hours: float = Field(default=24, gt=0, le=24 * 365)
    log_keep_days: float = Field(default=90, gt=0, le=36500)
    build_seconds: float = Field(default=30 * 60, gt=0, le=24 * 3600)
    build_memory_mb: int = Field(default=4096, ge=64)
    build_processes: int = Field(default=2048, ge=16)
    build_disk_mb: int = Field(default=10240, ge=16)
    app_memory_mb: int = Field(default=1024, ge=32)
    app_processes: int = Field(default=512, ge=16)
    app_cpus: float | None = Field(default=None, ge=0.01)
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    oidc: OidcSettings | None = None

    @field_validator("home")
    @classmethod
    def _home_fits_sockets(cls, home: Path) -> Path:
        home = home.expanduser().absolute()
        if len(os.fsencode(home)) + len(_LONGEST_SOCKET) > _SOCKET_PATH_BYTES:
            raise ValueError(
                f"{home} is too long a path for unix sockets; name a shorter AUTODEPLOY_HOME"
            )
        return home

    @field_validator("providers")
    @classmethod
    def _providers_are_known(
        cls, providers: dict[str, ProviderSettings]
    ) -> dict[str, ProviderSettings]:
        return check_providers(providers)

    @field_validator("vault_url")
    @classmethod
    def _vault_is_transit_key(cls, vault_url: str | None) -> str | None:
        if vault_url is not None:
            try:
                parse_transit_url(vault_url)
            except InvalidInput as error:
                raise ValueError(f"{error.message} {error.remedy.rstrip('.')}") from None
        return vault_url

    @field_validator("public_url")
    @classmethod
    def _public_url_is_one(cls, public_url: str | None) -> str | None:
        if public_url is None:
            return None
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("name an address such as https://deploy.example.com")
        return public_url.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_one(cls, smtp_url: str | None) -> str | None:
        if smtp_url is not None:
            # Imported here: a command that sends no mail does not pay for it.
            from autodeploy.kernel.mail import SmtpServer

            try:
                SmtpServer(smtp_url)
            except InvalidInput as error:
                raise ValueError(f"{error.message} {error.remedy}") from None
        return smtp_url

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_an_address(cls, mail_from: str | None) -> str | None:
        if mail_from is not None and ("@" not in mail_from or not mail_from.isprintable()):
            raise ValueError("name an address such as AutoDeploy <deploy@example.com>")
        return mail_from

    @model_validator(mode="after")
    def _vault_has_one_credential(self) -> Self:
        if self.vault_url is None:
            return self
        role_ids = [self.vault_role_id, self.vault_role_id_file]
        secret_ids = [self.vault_secret_id, self.vault_secret_id_file]
        given = tuple(
            sum(one is not None for one in kind)
            for kind in (role_ids, secret_ids, [self.vault_token_file])
        )
        if given not in {(1, 1, 0), (0, 0, 1)}:
            raise ValueError(
                "AUTODEPLOY_VAULT_URL needs either AUTODEPLOY_VAULT_ROLE_ID and "
                "AUTODEPLOY_VAULT_SECRET_ID (or the same names with _FILE), or "
                "AUTODEPLOY_VAULT_TOKEN_FILE, and not both"
            )
        return self

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return [each.strip() for each in value.split(",")] if isinstance(value, str) else value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: list[str]) -> list[str]:
        # Credentials are allowed, so one wrong entry opens every account to a foreign page.
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                named = "an entry with a user name" if "@" in origin else repr(origin)
                raise ValueError(
                    f"{named} is not the origin of a page: name each one as "
                    "https://host or http://host:port, without a path; '*' and 'null' are refused"
                )
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: str) -> str:
        for proxy in filter(None, map(str.strip, proxies.split(","))):
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise ValueError(
                    f"{proxy!r} is neither an address nor a network, such as 10.0.0.5 or "
                    "10.0.0.0/24; '*' would believe every caller"
                ) from error
        return proxies

    @property
    def app_limits(self) -> Limits:
        """What each process of an app may use on this machine."""
        return Limits(
            memory_bytes=self.app_memory_mb * MIB, processes=self.app_processes, cpus=self.app_cpus
        )

    @property
    def secrets_folder(self) -> Path:
        return self.home / "secrets"

    @property
    def master_key_file(self) -> Path:
        return self.master_key_path or self.secrets_folder / "master.key"

    @property
    def jwt_key_file(self) -> Path:
        return self.jwt_key_path or self.secrets_folder / "jwt.pem"

    @property
    def transit_address(self) -> TransitAddress | None:
        """The key of the vault server; None where the master key file is all there is."""
        return parse_transit_url(self.vault_url) if self.vault_url else None

    @property
    def key_files(self) -> tuple[tuple[str, Path], ...]:
        """The key files that a start needs, each with the variable that names another one."""
        signing = ("AUTODEPLOY_JWT_KEY_PATH", self.jwt_key_file)
        address = self.transit_address
        if address is not None and address.seals:
            return (signing,)
        return (("AUTODEPLOY_MASTER_KEY_PATH", self.master_key_file), signing)

    @property
    def postgres_password_file(self) -> Path:
        return self.secrets_folder / "postgres.password"

    @property
    def postgres_sockets(self) -> Path:
        return self.home / "run" / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.home / "run" / "valkey" / "valkey.sock"

    @property
    def caddy_admin_socket(self) -> Path:
        return self.home / "run" / "caddy" / "admin.sock"

    @property
    def runtime_socket(self) -> Path:
        return self.home / "run" / "runtime" / "runtime.sock"

    @cached_property
    def effective_database_url(self) -> str:
        """The operator's PostgreSQL, else the embedded one over its socket (a secret)."""
        if self.database_url:
            return self.database_url
        password = quote(self.postgres_password_file.read_text().strip(), safe="")
        return f"postgresql://postgres:{password}@/autodeploy?host={self.postgres_sockets}"

    @property
    def secret_values(self) -> frozenset[str]:
        """Every secret that these settings hold as a value, for the log to leave out; of those in
        files the embedded database's password, which becomes part of a URL."""
        clients = [*self.providers.values(), *([self.oidc] if self.oidc else [])]
        given = [client.secret for client in clients]
        given += [client.private_key for client in self.providers.values()]
        if self.vault_secret_id:
            given.append(self.vault_secret_id.get_secret_value())
        if not self.database_url and self.postgres_password_file.is_file():
            given.append(self.postgres_password_file.read_text().strip())
        urls = (self.database_url, self.redis_url, self.smtp_url, self.objects_url)
        passwords = passwords_in(url for url in urls if url)
        return frozenset(passwords.union(secret for secret in given if secret))

    @property
    def effective_redis_url(self) -> str:
        return self.redis_url or f"unix://{self.valkey_socket}"

    @property
    def effective_objects_url(self) -> str:
        return self.objects_url or f"file://{self.home / 'objects'}"

    @property
    def api_url(self) -> str:
        """Where the API of this machine answers."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def effective_public_url(self) -> str:
        """Where users reach this installation, without a slash at its end."""
        return self.public_url or self.api_url

    @property
    def mail_sender(self) -> str:
        """Whom mails are from."""
        host = urlsplit(self.effective_public_url).hostname
        return self.mail_from or f"AutoDeploy <autodeploy@{host}>"

    @property
    def outbox(self) -> Path:
        """Where mails lie that no server sends, while developing."""
        return self.home / "outbox"

    def require_complete(self) -> None:
        """Refuse a production start that would need a generated default.

        Raises ``ConfigurationError`` that names what is missing.
        """
        if self.env != "production":
            return
        missing = []
        if not self.database_url:
            missing.append("AUTODEPLOY_DATABASE_URL is not set")
        if not self.redis_url:
            missing.append("AUTODEPLOY_REDIS_URL is not set")
        for variable, path in self.key_files:
            if not path.is_file():
                missing.append(
                    f"{path} does not exist (make it with `autodeploy secrets`, or name "
                    f"another file with {variable})"
                )
        if missing:
            raise ConfigurationError(
                "AUTODEPLOY_ENV=production generates nothing by itself: " + "; ".join(missing) + "."
            )
