"""What package managers inside a sandbox need of this machine's own configuration.

Registries, mirrors, proxies and certificates are passed on; credentials never are. Local folders
that pip's configuration names (wheel folders, file:// indexes) are bound read-only.
"""

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from autodeploy.kernel.redaction import without_credentials
from autodeploy.kernel.sandbox import Bind

_CERTIFICATES = (
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
_PIP = ("PIP_DEFAULT_TIMEOUT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL")
_UV = ("PIP_NO_INDEX", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
# Settings of npm that name where packages come from; all others stay outside.
_NPM = re.compile(r"(@[\w.-]+:)?registry|cafile|ca|proxy|https?-proxy|noproxy|strict-ssl|nodedir")
_PIP_OPTIONS = frozenset(
    {"cert", "extra-index-url", "find-links", "index-url", "no-index", "proxy", "retries"}
    | {"timeout", "trusted-host"}
)
_INSIDE = "/etc/autodeploy"


@dataclass(frozen=True)
class MachineConfiguration:
    """Variables for the environment, texts of files by their path inside, and binds."""

    environment: Mapping[str, str]
    files: Mapping[str, str]
    binds: tuple[Bind, ...]

    def write(self, folder: Path) -> tuple[Bind, ...]:
        """Write the files into ``folder`` and return the binds for them and the rest."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        binds = []
        for index, (target, text) in enumerate(self.files.items()):
            path = folder / f"{index}.conf"
            path.write_text(text)
            path.chmod(0o644)
            binds.append(Bind(path, target))
        return (*binds, *self.binds)


def machine_configuration(environment: Mapping[str, str], user_home: Path) -> MachineConfiguration:
    """Read pip's and npm's configuration of the machine and of the user who runs AutoDeploy."""
    pip = _pip_settings(user_home)
    npm = _npm_settings(user_home)
    variables = _variables(environment)
    files: dict[str, str] = {}
    if pip:
        files["/etc/pip.conf"] = _pip_text(pip)
        variables["PIP_CONFIG_FILE"] = "/etc/pip.conf"
        variables |= {key: value for key, value in _for_uv(pip).items() if key not in variables}
    if npm:
        files[f"{_INSIDE}/npmrc"] = npm
        variables["NPM_CONFIG_USERCONFIG"] = f"{_INSIDE}/npmrc"
    named = [*variables.values(), *pip.values(), *_npm_values(npm)]
    return MachineConfiguration(variables, files, tuple(_local_places(named)))


def certificate_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], list[Bind]]:
    """What a running app needs to reach the outside: certificates, as variables and binds."""
    variables = {key: environment[key] for key in _CERTIFICATES if environment.get(key)}
    return variables, list(_local_places(variables.values()))


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    names = {*_CERTIFICATES, *_PIP, *_UV, *_PROXIES, *(name.lower() for name in _PROXIES)}
    passed = {name: environment[name] for name in sorted(names) if environment.get(name)}
    for name, value in environment.items():
        setting = name.lower().removeprefix("npm_config_").replace("_", "-")
        if name.lower().startswith("npm_config_") and _NPM.fullmatch(setting):
            passed[name] = value
    return {name: without_credentials(value) for name, value in passed.items()}


def _pip_settings(user_home: Path) -> dict[str, str]:
    """pip's options, later files before earlier ones, as pip itself reads them."""
    settings: dict[str, str] = {}
    places = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    for place in (*places, user_home / ".pip/pip.conf", user_home / ".config/pip/pip.conf"):
        parser = configparser.RawConfigParser()
        try:
            parser.read(place)
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings |= {
                    name: without_credentials(value)
                    for name, value in parser.items(section)
                    if name in _PIP_OPTIONS
                }
    return settings


def _pip_text(settings: Mapping[str, str]) -> str:
    lines = (
        f"{name} = " + value.strip().replace("\n", "\n    ") for name, value in settings.items()
    )
    return "[global]\n" + "\n".join(lines) + "\n"


def _for_uv(pip: Mapping[str, str]) -> dict[str, str]:
    """uv does not read pip's files: the same places under uv's own names."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
    }
    return {names[key]: " ".join(value.split()) for key, value in pip.items() if key in names}


def _npm_settings(user_home: Path) -> str:
    lines: list[str] = []
    for place in (Path("/etc/npmrc"), Path("/usr/etc/npmrc"), user_home / ".npmrc"):
        try:
            text = place.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        lines += [
            without_credentials(line)
            for line in text.splitlines()
            if _NPM.fullmatch(line.partition("=")[0].strip().removesuffix("[]"))
        ]
    return "".join(f"{line}\n" for line in lines)


def _npm_values(text: str) -> list[str]:
    return [line.partition("=")[2].strip() for line in text.splitlines()]


def _local_places(values: Iterable[str]) -> Iterator[Bind]:
    """Binds for the existing absolute paths that the values name, except what is there anyway."""
    seen: set[Path] = set()
    for value in values:
        for word in value.replace(",", " ").split():
            path = Path(unquote(urlsplit(word).path) if word.startswith("file://") else word)
            if not path.is_absolute() or ".." in path.parts or not path.exists():
                continue
            # An index at …/simple often refers to files beside it.
            place = path.parent if path.name == "simple" and path.is_dir() else path
            if place not in seen and not _is_there(place):
                seen.add(place)
                yield Bind(place, str(place))


def _is_there(path: Path) -> bool:
    visible = ("/usr", "/etc/ssl", "/etc/pki", "/etc/ca-certificates")
    forbidden = (Path("/"), Path("/etc"), Path("/home"), Path("/root"), Path("/var"), Path("/proc"))
    return path in forbidden or any(path.is_relative_to(place) for place in visible)


def current() -> MachineConfiguration:
    """The configuration of the machine and user that this process runs on and as."""
    return machine_configuration(os.environ, Path.home())
