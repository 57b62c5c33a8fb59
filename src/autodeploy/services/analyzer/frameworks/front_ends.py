"""What stands beside the servers of other languages, and is built for them to serve."""

from autodeploy.services.analyzer.frameworks.javascript.families import (
    BUNDLERS,
    ROUTERS,
    TOOLS,
    VIEWS,
)

# A framework of a server that is found for sure supersedes these.
FRONT_ENDS = (
    BUNDLERS | VIEWS | ROUTERS | TOOLS
    | {"node", "node-bot", "static", "create-react-app", "angular", "ember"}
)  # fmt: skip
