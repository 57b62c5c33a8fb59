"""The frameworks that AutoDeploy knows: one record each, read by the matcher.

To add one, add its record to the module of its language and a folder with a tiny app and its
expected plan to ``examples/``.
"""

from collections.abc import Mapping

from autodeploy.services.analyzer.frameworks import (
    clojure,
    compiled,
    deno,
    dotnet,
    elixir,
    go,
    java,
    javascript,
    php,
    python,
    ruby,
    rust,
    shell,
    sites,
    static,
)
from autodeploy.services.analyzer.matcher import FrameworkRecord

_MODULES = (
    clojure, compiled, deno, dotnet, elixir, go, java, javascript, php, python, ruby, rust, shell,
    sites, static,
)  # fmt: skip

FRAMEWORKS: Mapping[str, FrameworkRecord] = {
    record.slug: record for module in _MODULES for record in module.RECORDS
}
