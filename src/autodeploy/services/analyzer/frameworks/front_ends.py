"""Frameworks of the browser that servers of other languages build and serve themselves."""

from autodeploy.services.analyzer.frameworks import javascript
from autodeploy.services.analyzer.frameworks.javascript.families import PARTS
from autodeploy.services.analyzer.plan import AppKind

FRONT_ENDS = (
    PARTS | {"static"} | {one.slug for one in javascript.RECORDS if one.kind is AppKind.STATIC}
)
