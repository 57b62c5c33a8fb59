"""The JSON Schema of ``autodeploy.toml``, for editors (https://json-schema.org/draft/2020-12).

``python -m autodeploy.kernel.app_file_schema FILE`` writes it.
"""

import json
import sys
from pathlib import Path

from autodeploy.kernel.app_file import AppFile


def schema_text() -> str:
    """The schema as it is committed in ``docs/reference``."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **AppFile.model_json_schema(),
        "title": "autodeploy.toml",
        "description": "How AutoDeploy deploys the app in this folder.",
    }
    return json.dumps(_plain(schema), indent=2, ensure_ascii=False) + "\n"


def _plain(part: object) -> object:
    """The part without what Python says beside TOML: null as a value, defaults, titles."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: _plain(value)
        for key, value in part.items()
        if key not in ("default", "anyOf") and not (key == "title" and "$schema" not in part)
    }
    options = [one for one in part.get("anyOf", []) if one != {"type": "null"}]
    for option in options:
        kept = {**option, **kept}
    return kept


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
