"""A description made strict: objects hold the fields that it names, and no others.

OpenAPI leaves objects open unless they say otherwise, which lets through a field that a provider
would ignore or refuse. A schema that others build upon (``allOf``) stays open by itself: what is
built is closed as a whole.
"""

from typing import Any

BASE = "urn:description"

Json = dict[str, Any]

_COMBINED = ("allOf", "anyOf", "oneOf")
_TEXTS = {"example", "examples", "default", "description", "title", "discriminator"}


def strict_document(document: Json) -> Json:
    """The description with each schema closed. ``components/open`` has those of parts."""
    schemas = document.get("components", {}).get("schemas", {})
    strict = _Strict(schemas)
    components = {
        **{name: _walk(value, strict) for name, value in document["components"].items()},
        "schemas": {name: strict.closed(schema) for name, schema in schemas.items()},
        "open": {name: strict.opened(schema) for name, schema in schemas.items()},
    }
    return {"paths": _walk(document["paths"], strict), "components": components}


def _walk(value: Any, strict: "_Strict") -> Any:
    """Everything outside of schemas stays as it is."""
    if isinstance(value, list):
        return [_walk(each, strict) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: strict.closed(each)
        if key == "schema" and isinstance(each, dict)
        else _walk(each, strict)
        for key, each in value.items()
        if key not in ("example", "examples")
    }


class _Strict:
    def __init__(self, schemas: Json):
        self._schemas = schemas

    def closed(self, schema: Json) -> Json:
        return self._made(schema, open_=False)

    def opened(self, schema: Json) -> Json:
        """Its own fields are not all that an object may have; those of its fields are."""
        return self._made(schema, open_=True)

    def _made(self, schema: Json, *, open_: bool) -> Json:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return {"$ref": f"{BASE}#/components/{'open' if open_ else 'schemas'}/{name}"}
        made = {key: value for key, value in schema.items() if key not in _TEXTS}
        builds = "properties" in schema or "allOf" in schema
        for key in _COMBINED:
            if key in schema:
                made[key] = [self._made(each, open_=open_ or builds) for each in schema[key]]
        if "properties" in schema:
            made["properties"] = {n: self.closed(each) for n, each in schema["properties"].items()}
        for key in ("items", "additionalProperties", "not"):
            if isinstance(schema.get(key), dict):
                made[key] = self.closed(schema[key])
        if builds and not open_ and "additionalProperties" not in schema:
            names = self._names(schema)
            if names:
                made["properties"] = {**{n: {} for n in names}, **made.get("properties", {})}
                made["additionalProperties"] = False
        if schema.get("nullable") and "enum" in schema:
            # What descriptions mean, and leave out: null is one of the values.
            made["enum"] = [*schema["enum"], None]
        elif schema.get("nullable") and "type" not in schema:
            made = {"anyOf": [made, {"enum": [None]}]}
        return made

    def _names(self, schema: Json) -> set[str] | None:
        """All fields that it or what it is built of names; None when it may have any."""
        if "$ref" in schema:
            return self._names(self._schemas[schema["$ref"].rpartition("/")[2]])
        if schema.get("additionalProperties"):
            return None
        names = set(schema.get("properties", {}))
        for key in _COMBINED:
            for each in schema.get(key, []):
                found = self._names(each)
                if found is None:
                    return None
                names |= found
        return names
