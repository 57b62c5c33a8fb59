"""What stands beside the servers of other languages, and is built for them to serve."""

# A framework of a server that is found for sure supersedes these.
FRONT_ENDS = frozenset(
    {
        "node", "static", "vite", "webpack", "parcel", "express", "react", "preact", "vue",
        "svelte", "solid", "angular", "create-react-app",
    }
)  # fmt: skip
