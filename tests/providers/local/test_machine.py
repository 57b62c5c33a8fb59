from pathlib import Path

from autodeploy.kernel.redaction import without_credentials
from autodeploy.providers.local.machine import machine_configuration


def test_credentials_never_pass(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "registry=https://me:hunter2@npm.example/\n"
        "//npm.example/:_authToken=hunter2\n"
        "_auth=hunter2\nemail=me@example.com\n"
        "//npm.example/:_password=hunter2\n@own:registry=https://own.example/\n"
        "cafile=/etc/ssl/x.pem\n"
    )
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nextra-index-url =\n    https://user:hunter2@pip.example/simple\n"
        "    https://open.example/simple\npassword = hunter2\nkeyring-provider = import\n"
    )
    environment = {
        "PIP_INDEX_URL": "https://u:hunter2@pip.example/simple",
        "HTTPS_PROXY": "http://u:hunter2@proxy:3128",
        "NPM_TOKEN": "hunter2",
        "npm_config__auth": "hunter2",
        "npm_config_registry": "https://u:hunter2@npm.example/",
        "AUTODEPLOY_TOKEN": "hunter2",
    }
    configuration = machine_configuration(environment, tmp_path)
    everything = repr(configuration)
    assert "hunter2" not in everything
    assert configuration.environment["PIP_INDEX_URL"] == "https://pip.example/simple"
    assert configuration.environment["npm_config_registry"] == "https://npm.example/"
    npmrc = configuration.files["/etc/autodeploy/npmrc"].splitlines()
    assert "registry=https://npm.example/" in npmrc
    assert "@own:registry=https://own.example/" in npmrc
    assert "cafile=/etc/ssl/x.pem" in npmrc
    assert not any("auth" in line.lower() or "email" in line for line in npmrc)
    pip = configuration.files["/etc/pip.conf"]
    assert "https://pip.example/simple\n" in pip
    assert "keyring" not in pip


def test_local_places_that_pip_names_are_bound(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "index/simple").mkdir(parents=True)
    environment = {
        "PIP_FIND_LINKS": f"{tmp_path}/wheels",
        "PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/index/simple",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "NODE_EXTRA_CA_CERTS": "/missing.pem",
    }
    binds = machine_configuration(environment, tmp_path).binds
    bound = {bind.source: bind.writable for bind in binds}
    assert bound[tmp_path / "wheels"] is False
    assert bound[tmp_path / "index"] is False
    assert not any(str(path).startswith("/etc/ssl") for path in bound)
    assert Path("/missing.pem") not in bound


def test_whole_system_folders_are_never_bound(tmp_path: Path) -> None:
    environment = {"PIP_FIND_LINKS": "/ /etc /root /home", "PIP_INDEX_URL": "file:///"}
    bound = {str(bind.source) for bind in machine_configuration(environment, tmp_path).binds}
    assert not bound & {"/", "/etc", "/root", "/home"}


def test_urls_without_credentials_stay_as_they_are() -> None:
    text = "https://a.example/simple?x=1 and http://b:8080/"
    assert without_credentials(text) == text
