"""The frameworks that AutoDeploy knows: one record each, read by the matcher.

To add one, add its record to the module of its language and a folder with a tiny app and its
expected plan to ``examples/``.
"""

from collections.abc import Mapping

from autodeploy.services.analyzer.frameworks import javascript, python, static
from autodeploy.services.analyzer.matcher import FrameworkRecord

FRAMEWORKS: Mapping[str, FrameworkRecord] = {
    record.slug: record for module in (javascript, python, static) for record in module.RECORDS
}
