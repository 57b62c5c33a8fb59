"""Settings come from the environment; production starts only with what it was given."""

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import ValidationError
from sqlalchemy import make_url
from tests.fakes.github_apps import private_key, private_key_pem

from autodeploy.cli.operator.configuration import start_logging
from autodeploy.settings import ConfigurationError, Settings


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("AUTODEPLOY_") or name == "ALLOWED_ORIGINS":
            monkeypatch.delenv(name)


def test_defaults_are_the_documented_ones() -> None:
    settings = Settings()
    assert (settings.api_port, settings.proxy_port) == (8000, 8080)
    assert settings.env == "development"
    assert settings.allowed_origins == ["http://localhost:3000"]
    assert not settings.allow_private_addresses
    assert not settings.allow_unsandboxed
    assert (settings.log_archive_hours, settings.log_keep_days) == (24, 90)


@pytest.mark.parametrize("name", ["LOG_ARCHIVE_HOURS", "LOG_KEEP_DAYS"])
def test_age_of_log_lines_is_a_time(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"AUTODEPLOY_{name}", "0")
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_home_of_root_is_below_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Settings().home == Path("/var/lib/autodeploy")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/someone/data")
    assert Settings().home == Path("/home/someone/data/autodeploy")


def test_environment_sets_each_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_HOME", "/srv/ad")
    monkeypatch.setenv("AUTODEPLOY_API_PORT", "9000")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example,https://b.example")
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__API_URL", "http://127.0.0.1:1")
    settings = Settings()
    assert settings.home == Path("/srv/ad")
    assert settings.api_url == "http://127.0.0.1:9000"
    assert settings.allowed_origins == ["https://a.example", "https://b.example"]
    assert settings.providers["github"].api_url == "http://127.0.0.1:1"


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_DATABASE_URL", "")
    assert Settings().database_url is None


def test_home_whose_sockets_would_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="AUTODEPLOY_HOME"):
        Settings(home=Path("/" + "x" * 90))


def test_embedded_urls_are_used_unless_others_are_given(home: Path) -> None:
    settings = Settings(home=home)
    settings.secrets_folder.mkdir()
    settings.postgres_password_file.write_text("a/b@c\n")
    url = make_url(settings.effective_database_url)
    assert (url.password, url.database) == ("a/b@c", "autodeploy")
    assert url.query == {"host": f"{home}/run/postgres"}
    assert settings.effective_redis_url == f"unix://{home}/run/valkey/valkey.sock"
    assert settings.effective_objects_url == f"file://{home}/objects"

    external = Settings(database_url="postgresql://d", redis_url="redis://r", objects_url="s3://o")
    assert external.effective_database_url == "postgresql://d"
    assert external.effective_redis_url == "redis://r"
    assert external.effective_objects_url == "s3://o"


VAULT = "https://vault.example:8200/transit/app"


@pytest.mark.parametrize(
    "credential",
    [
        {"vault_role_id": "r", "vault_secret_id": "s"},
        {"vault_role_id_file": "/r", "vault_secret_id_file": "/s"},
        {"vault_token_file": "/t"},
    ],
)
def test_vault_server_with_one_credential_needs_no_key_file(
    home: Path, credential: dict[str, str]
) -> None:
    settings = Settings(home=home, vault_url=VAULT, **credential)
    assert settings.transit_address is not None
    assert [name for name, _ in settings.key_files] == ["AUTODEPLOY_JWT_KEY_PATH"]


def test_vault_server_that_only_opens_needs_the_key_file_too(home: Path) -> None:
    settings = Settings(home=home, vault_url=f"{VAULT}?seal=false", vault_token_file=home)
    assert len(settings.key_files) == 2


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"vault_role_id": "r"},
        {"vault_secret_id": "s"},
        {"vault_role_id": "r", "vault_secret_id": "s", "vault_secret_id_file": "/s"},
        {"vault_role_id": "r", "vault_secret_id": "s", "vault_token_file": "/t"},
    ],
)
def test_vault_server_without_exactly_one_credential_is_refused(
    credential: dict[str, str],
) -> None:
    with pytest.raises(ValidationError, match="AUTODEPLOY_VAULT_TOKEN_FILE"):
        Settings(vault_url=VAULT, **credential)


def test_vault_url_that_cannot_be_used_is_refused_with_its_form() -> None:
    with pytest.raises(ValidationError, match="https://host:8200/transit/KEY"):
        Settings(vault_url="https://vault.example", vault_token_file="/t")


def test_secret_id_is_not_shown() -> None:
    settings = Settings(vault_url=VAULT, vault_role_id="hidden-r", vault_secret_id="hidden-s")
    assert "hidden" not in repr(settings)


def test_urls_with_passwords_are_not_shown() -> None:
    settings = Settings(
        database_url="postgresql://u:hidden@h/d",
        redis_url="redis://:hidden@h",
        smtp_url="smtps://u:hidden@h",
    )
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_url", "imap://u:hidden@h"),
        ("smtp_url", "smtp://u:hidden@"),
        ("public_url", "deploy.example.com"),
        ("public_url", "https://deploy.example.com/?hidden"),
        ("mail_from", "somebody"),
        ("mail_from", "a@example.com\nBcc: b@example.com"),
    ],
)
def test_mail_settings_that_cannot_work_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(**{name: value})
    assert refusal.value.errors()[0]["loc"] == (name,)
    assert "hidden" not in str([error["msg"] for error in refusal.value.errors()])


def test_mails_are_from_the_public_host_unless_told_otherwise() -> None:
    settings = Settings(public_url="https://deploy.example.com/")
    assert settings.effective_public_url == "https://deploy.example.com"
    assert settings.mail_sender == "AutoDeploy <autodeploy@deploy.example.com>"
    assert Settings(mail_from="ops@example.com").mail_sender == "ops@example.com"
    assert Settings(api_port=9000).effective_public_url == "http://127.0.0.1:9000"


def test_production_without_urls_and_keys_is_refused(home: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Settings(home=home, env="production").require_complete()
    for part in ("AUTODEPLOY_DATABASE_URL", "AUTODEPLOY_REDIS_URL", "master.key", "jwt.pem"):
        assert part in str(refusal.value)
    Settings(home=home, env="development").require_complete()


def test_production_with_everything_is_accepted(home: Path) -> None:
    for name in ("key", "pem"):
        (home / name).touch()
    Settings(
        home=home,
        env="production",
        database_url="postgresql://d",
        redis_url="redis://r",
        master_key_path=home / "key",
        jwt_key_path=home / "pem",
    ).require_complete()


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://a.example/", "a.example", "https://*.example", "https://A.example",
     "https://a.example,*", "https://u:p@a.example", ""],
)  # fmt: skip
def test_origin_that_would_open_the_api_to_any_page_or_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", origin or ",")
    with pytest.raises(ValidationError, match="is not the origin of a page"):
        Settings()


def test_refusal_of_an_origin_does_not_repeat_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://user:hidden@a.example")
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert "hidden" not in refusal.value.errors()[0]["msg"]


def test_origins_may_have_ports_and_blanks_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example:8443, http://[::1]:3000")
    assert Settings().allowed_origins == ["https://a.example:8443", "http://[::1]:3000"]


@pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.5;10.0.0.6"])
def test_proxies_that_are_no_addresses_are_refused(
    monkeypatch: pytest.MonkeyPatch, proxies: str
) -> None:
    monkeypatch.setenv("AUTODEPLOY_TRUSTED_PROXIES", proxies)
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        Settings()


def test_a_client_is_whole_or_not_set_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_ID", "Iv1.x")
    with pytest.raises(ValidationError, match="belong together"):
        Settings()
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_SECRET", "s3cr3t-value")
    assert Settings().providers["github"].secret == "s3cr3t-value"
    assert "s3cr3t-value" not in repr(Settings())


def test_a_secret_comes_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    monkeypatch.setenv("AUTODEPLOY_OIDC__ISSUER", "https://id.example.com")
    monkeypatch.setenv("AUTODEPLOY_OIDC__CLIENT_ID", "autodeploy")
    monkeypatch.setenv("AUTODEPLOY_OIDC__CLIENT_SECRET_PATH", str(file))
    with pytest.raises(ValidationError, match="CLIENT_SECRET_PATH cannot be read"):
        Settings()
    file.write_text("from the file\n")
    oidc = Settings().oidc
    assert oidc is not None
    assert oidc.secret == "from the file"


def test_github_app_is_whole_or_not_set_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "app.pem"
    file.write_text(private_key_pem())
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__PRIVATE_KEY_FILE", str(file))
    with pytest.raises(ValidationError, match="APP_ID and PRIVATE_KEY_FILE belong together"):
        Settings()
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__APP_ID", "12")
    settings = Settings()
    assert settings.providers["github"].private_key == private_key_pem()
    assert private_key_pem() in settings.secret_values
    shown = repr(settings) + str(settings.model_dump())
    assert "PRIVATE KEY" not in shown
    monkeypatch.delenv("AUTODEPLOY_PROVIDERS__GITHUB__PRIVATE_KEY_FILE")
    with pytest.raises(ValidationError, match="belong together"):
        Settings()


@pytest.mark.parametrize(
    "content", [None, b"not a key", b"\xff\xfe", "ed25519", "encrypted", "public", "der"]
)
def test_file_that_holds_no_key_of_a_github_app_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None
) -> None:
    file = tmp_path / "app.pem"
    text = _other_key(content) if isinstance(content, str) else content
    if text is not None:
        file.write_bytes(text)
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__APP_ID", "12")
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__PRIVATE_KEY_FILE", str(file))
    with pytest.raises(ValidationError, match="PRIVATE_KEY_FILE") as refused:
        Settings()
    said = refused.value.errors(include_input=False, include_context=False)[0]["msg"]
    assert ("cannot be read" if content is None else "no RSA private key") in said
    assert "BEGIN" not in said


def _other_key(kind: str) -> bytes:
    """A key that GitHub gives no app."""
    locked = BestAvailableEncryption(b"a password")
    if kind == "public":
        public = private_key().public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if kind == "der":
        return private_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if kind == "encrypted":
        return private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_app_of_another_provider_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "app.pem"
    file.write_text(private_key_pem())
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__VERCEL__APP_ID", "12")
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__VERCEL__PRIVATE_KEY_FILE", str(file))
    with pytest.raises(ValidationError, match="VERCEL__APP_ID is not used"):
        Settings()


def test_secrets_of_all_settings_are_known_to_the_log(
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    logging_restored: None,
) -> None:
    settings = {
        "AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_ID": "id",
        "AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_SECRET": "secret-of-github",
        "AUTODEPLOY_OIDC__ISSUER": "https://id.example.com",
        "AUTODEPLOY_OIDC__CLIENT_ID": "id",
        "AUTODEPLOY_OIDC__CLIENT_SECRET": "secret-of-oidc",
        "AUTODEPLOY_VAULT_SECRET_ID": "secret-of-vault",
        "AUTODEPLOY_SMTP_URL": "smtp://user:secret%2Fof%2Fmail@mail.example.com",
        "AUTODEPLOY_REDIS_URL": "redis://:secret-of-redis@cache.example.com",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    password = home / "secrets" / "postgres.password"
    password.parent.mkdir()
    password.write_text("secret-of-postgres\n")
    start_logging(Settings(home=home))
    for name in ("github", "oidc", "vault", "redis", "postgres"):
        logging.getLogger("library").warning("sent %s", f"secret-of-{name}")
    logging.getLogger("library").warning("sent secret/of/mail or secret%2Fof%2Fmail")
    written = capsys.readouterr().err
    assert written.count("sent ") == 6
    assert "secret" not in written


def test_log_without_any_secret_set_is_written(home: Path) -> None:
    assert Settings(home=home).secret_values == frozenset()


@pytest.mark.parametrize("issuer", ["http://id.example.com", "id.example.com", "file:///etc"])
def test_an_issuer_is_reached_by_https(monkeypatch: pytest.MonkeyPatch, issuer: str) -> None:
    monkeypatch.setenv("AUTODEPLOY_OIDC__ISSUER", issuer)
    monkeypatch.setenv("AUTODEPLOY_OIDC__CLIENT_ID", "autodeploy")
    with pytest.raises(ValidationError, match="https"):
        Settings()


def test_a_misspelt_provider_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODEPLOY_PROVIDERS__GITHUB__CLIENTID", "Iv1.x")
    with pytest.raises(ValidationError, match="clientid"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("VERCELL__API_URL", "AUTODEPLOY_PROVIDERS__VERCELL__… is of no provider"),
        ("LOCAL__API_URL", "name one of GITHUB, RENDER, SUPABASE, VERCEL"),
        ("RENDER__WEB_URL", "AUTODEPLOY_PROVIDERS__RENDER__WEB_URL is not used"),
        ("SUPABASE__WEB_URL", "AUTODEPLOY_PROVIDERS__SUPABASE__WEB_URL is not used"),
    ],
)
def test_a_provider_setting_that_nothing_reads_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(f"AUTODEPLOY_PROVIDERS__{variable}", "http://127.0.0.1:1")
    with pytest.raises(ValidationError, match=said):
        Settings()
