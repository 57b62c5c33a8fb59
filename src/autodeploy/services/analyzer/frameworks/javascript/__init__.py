"""Frameworks of JavaScript and TypeScript."""

from autodeploy.services.analyzer.frameworks.javascript import (
    bundlers,
    frontends,
    fullstack,
    rendered,
    servers,
    sites,
    views,
)

RECORDS = (
    *fullstack.RECORDS,
    *rendered.RECORDS,
    *sites.RECORDS,
    *frontends.RECORDS,
    *views.RECORDS,
    *bundlers.RECORDS,
    *servers.RECORDS,
)
