"""``app.json`` (https://devcenter.heroku.com/articles/app-json-schema, 2026-11), of Dokku too.

Expo, React Native and others have an ``app.json`` of their own, which says nothing here.
"""

from autodeploy.services.analyzer.declared.base import (
    Declared,
    Said,
    SaidService,
    SaidVariable,
    Source,
)
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.declared.images import ADDONS
from autodeploy.services.analyzer.evidence import SourceFiles, as_table, words

_KEYS = ("env", "addons", "scripts", "buildpacks", "formation", "healthchecks", "stack")
_OTHERS = ("expo", "pages", "usingComponents", "plugins")
_LACKS = {"cron": "cron commands from this file: [cron] of autodeploy.toml has them"}


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.HEROKU)
    if document is None:
        return None
    keys = document.values.keys()
    if not keys & set(_KEYS) or keys & set(_OTHERS):
        return None
    document.lacks(_LACKS)
    scripts = document.part("scripts")
    scripts.lacks({"postdeploy": "script for the first deployment alone"})
    return Declared(
        release=scripts.part("dokku").command("predeploy"),
        health_path=_health_path(document),
        variables=tuple(_variables(document)),
        services=tuple(_services(document)),
    )


def _health_path(document: Document) -> Said[str] | None:
    """The path that Dokku asks (https://dokku.com/docs/deployment/zero-downtime-deploys)."""
    checks = document.part("healthchecks").parts("web")
    return next((path for one in checks if (path := one.request_path("path"))), None)


def _variables(document: Document) -> list[SaidVariable]:
    part = document.part("env")
    found = []
    for key, value in document.items("env"):
        if not isinstance(value, dict):
            found.append(part.variable(key, default=value))
            continue
        is_made = value.get("generator") == "secret"
        default = value.get("value")
        # Required, but where it says otherwise or brings a value.
        is_asked = value.get("required") not in (False, "false") and default in (None, "")
        found.append(
            part.variable(
                key,
                required=is_asked or None,
                secret=is_made or None,
                default=default,
                description=value.get("description"),
            )
        )
    return [one for one in found if one]


def _services(document: Document) -> list[SaidService]:
    found = []
    for addon in document.elements("addons"):
        plan = words(as_table(addon).get("plan")) if isinstance(addon, dict) else words(addon)
        if plan is None:
            continue
        name = plan.partition(":")[0]
        kind = ADDONS.get(name)
        if kind:
            found.append(SaidService(kind, document.said(name, "addons", name)))
        else:
            document.files.warn(f"{document.name}: AutoDeploy has nothing like {name[:60]}.")
    return found
