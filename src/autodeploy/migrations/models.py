"""The schema as the services declare it: the tables of every module that has some."""

from autodeploy.kernel.db import Base
from autodeploy.services.analyzer import models as analyzer
from autodeploy.services.auth import models as auth
from autodeploy.services.deployer import log_models as logs
from autodeploy.services.deployer import models as deployer
from autodeploy.services.deployer.databases import models as databases
from autodeploy.services.deployer.domains import models as domains
from autodeploy.services.deployer.holdings import models as holdings
from autodeploy.services.deployer.pushes import models as pushes
from autodeploy.services.deployer.runs import models as runs
from autodeploy.services.monitor import models as monitor
from autodeploy.services.monitor.notifications import models as notifications

# Their import declares the tables.
MODULES = (
    auth,
    analyzer,
    deployer,
    logs,
    databases,
    domains,
    holdings,
    pushes,
    runs,
    monitor,
    notifications,
)
METADATA = Base.metadata
