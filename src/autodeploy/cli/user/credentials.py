"""Where the command line keeps which platform it talks to, and the token for it."""

import json
import os
import secrets
from pathlib import Path
from typing import TypedDict

DEFAULT_API_PORT = "8000"


class StoredCredentials(TypedDict):
    """The file: the platform of the last login, and one token for each platform."""

    current: str | None
    tokens: dict[str, str]


def credentials_path() -> Path:
    """``autodeploy/credentials.json`` in the user's configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(base) if base else Path.home() / ".config"
    return folder / "autodeploy" / "credentials.json"


def save_token(url: str, token: str) -> Path:
    """Store ``token`` for the platform at ``url``, and make that platform the current one.

    The file is replaced in one step and readable by its owner alone. Returns its path.
    """
    stored = _read()
    stored["current"] = normalise(url)
    stored["tokens"][normalise(url)] = token
    path = credentials_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(stored, file, indent=2)
        file.write("\n")
    draft.replace(path)
    return path


def load_token(url: str) -> str | None:
    """The token for the platform at ``url``: ``AUTODEPLOY_TOKEN`` wins over the stored one."""
    return os.environ.get("AUTODEPLOY_TOKEN") or _read()["tokens"].get(normalise(url))


def current_url() -> str:
    """The platform to talk to: ``AUTODEPLOY_URL``, else the last login, else this machine."""
    chosen = os.environ.get("AUTODEPLOY_URL") or _read()["current"]
    if chosen:
        return normalise(chosen)
    return f"http://127.0.0.1:{os.environ.get('AUTODEPLOY_API_PORT') or DEFAULT_API_PORT}"


def normalise(url: str) -> str:
    """``url`` with a scheme and without a slash at its end, so that equal ones compare equal."""
    url = url.strip().rstrip("/")
    return url if "://" in url else f"http://{url}"


def _read() -> StoredCredentials:
    """What is stored; an absent or damaged file counts as empty, since a login repairs it."""
    try:
        loaded = json.loads(credentials_path().read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        loaded = None
    stored = loaded if isinstance(loaded, dict) else {}
    current, tokens = stored.get("current"), stored.get("tokens")
    return {
        "current": current if isinstance(current, str) else None,
        "tokens": {
            key: value
            for key, value in (tokens.items() if isinstance(tokens, dict) else ())
            if isinstance(value, str)
        },
    }
