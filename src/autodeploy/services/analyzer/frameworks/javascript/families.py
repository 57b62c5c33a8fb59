"""Families of JavaScript tools, for what supersedes what.

A framework is built out of others: Next.js brings React, Nuxt brings Vite. What is built on top
is the answer; what it is built of is a candidate that lost.
"""

BUNDLERS = frozenset({"vite", "webpack", "parcel", "brunch"})

# What draws the page; it says nothing of how the page is built or served.
VIEWS = frozenset(
    {"react", "preact", "vue", "svelte", "solid", "lit", "mithril", "aurelia", "marko", "polymer"}
)

ROUTERS = frozenset({"tanstack-router"})

# What answers requests, and is a part of many full-stack frameworks.
SERVERS = frozenset(
    {
        "express", "fastify", "koa", "hono", "h3", "polka", "connect", "nitro", "elysia",
        "http-server", "bun",
    }
)  # fmt: skip

# What runs the scripts of a monorepo, and builds of storybooks beside an app.
TOOLS = frozenset({"nx", "turborepo", "storybook"})

# What a full-stack framework is made of or lies beside.
PARTS = BUNDLERS | VIEWS | ROUTERS | SERVERS | TOOLS | {"node", "node-bot"}
