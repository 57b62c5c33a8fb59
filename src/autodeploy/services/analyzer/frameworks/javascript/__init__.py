"""Frameworks of JavaScript and TypeScript."""

from autodeploy.services.analyzer.frameworks.javascript import (
    bundlers,
    frontends,
    fullstack,
    rendered,
    servers,
    sites,
)

RECORDS = (
    *fullstack.RECORDS,
    *rendered.RECORDS,
    *sites.RECORDS,
    *frontends.RECORDS,
    *bundlers.RECORDS,
    *servers.RECORDS,
)
