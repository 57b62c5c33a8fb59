"""What a seed stands for: one small story, and one thing that breaks at one place of it.

Everything is chosen by the seed alone. Neighbouring seeds break at different fault points, so that
any run of as many seeds as there are places has broken at each of them.
"""

import random
from dataclasses import asdict, dataclass
from typing import Any

LEASE_SECONDS = 1.0

SCENARIOS = ("deploy", "redeploy", "burst", "failing", "cancel", "rollback", "delete")
#: "git" is a static app that comes from a repository; the others are uploaded.
APPS = ("static", "git", "server", "database")

_REPLACING = ("redeploy", "burst", "rollback")
_WITH_A_BUILD = ("deploy", "redeploy", "burst", "cancel")
_BUILT = ("failing", "cancel")
_PROCESSES = ("server", "database")


@dataclass(frozen=True)
class Reach:
    """In which stories a fault point is come to, and how often at least."""

    scenarios: tuple[str, ...] = SCENARIOS
    apps: tuple[str, ...] = APPS
    times: int = 1


REACH = {
    "agent.destroy": Reach(("delete",)),
    "agent.drop_database": Reach(("delete",), ("database",)),
    "agent.ensure_database": Reach(("deploy",), ("database",)),
    "agent.make_live": Reach(("deploy", *_REPLACING), _PROCESSES),
    "agent.promote": Reach(("deploy", *_REPLACING)),
    "agent.retire": Reach(_REPLACING),
    "agent.start": Reach(("deploy", *_REPLACING), _PROCESSES),
    "artifact.adopt": Reach(_WITH_A_BUILD),
    "artifact.unpack": Reach(("rollback",)),
    "database.commit": Reach(times=40),
    "deployer.fetch": Reach(("failing", *_WITH_A_BUILD)),
    "deployer.remove_folder": Reach(("failing", *_WITH_A_BUILD)),
    "events.publish": Reach(("deploy", "failing", *_REPLACING), times=8),
    "git.checkout": Reach(("deploy", "redeploy", "burst"), ("git",)),
    "instances.retire": Reach(("delete", *_REPLACING)),
    "local.build": Reach(_WITH_A_BUILD),
    "local.make_room": Reach(_WITH_A_BUILD),
    "local.deploy": Reach(("deploy", *_REPLACING)),
    "local.destroy": Reach(("delete",)),
    "local.destroy_database": Reach(("delete",), ("database",)),
    "local.ensure_database": Reach(("deploy",), ("database",)),
    "local.prepare": Reach(("deploy", *_REPLACING)),
    "local.promote": Reach(("deploy", *_REPLACING)),
    "local.remove_builds": Reach(("delete",)),
    "local.retire": Reach(_REPLACING),
    "objects.delete_below": Reach(("delete",)),
    "objects.put_file": Reach(_WITH_A_BUILD, ("static", *_PROCESSES)),
    "objects.put_stream": Reach(_WITH_A_BUILD),
    "proxy.follow": Reach(("deploy", *_REPLACING), _PROCESSES),
    "proxy.load": Reach(("deploy", "delete")),
    "queue.add": Reach(("deploy", "failing", *_REPLACING)),
    "sandbox.start": Reach(_WITH_A_BUILD, _PROCESSES, times=3),
}

#: Fault points of the product that no story here comes to, and why.
OUT_OF_REACH = {
    "auth.renew_access": "it is elsewhere: tests/services/auth/test_renewal.py loses its answers",
    **dict.fromkeys(
        (
            f"{side}.{effect}"
            for side in ("agent", "local")
            for effect in (
                "open_login",
                "close_login",
                "restore_copy",
                "adopt_copy",
                "discard_copy",
            )
        ),
        "no deployment rotates or restores: tests/services/deployer/databases does",
    ),
    "notifications.send": "no story has a receiver: tests/services/monitor/notifications has",
    "local.remove_resource": "an operator asks for it: tests/services/deployer/test_holdings.py",
    **dict.fromkeys(
        ("runs.claim", "runs.finish", "local.run_command", "crons.run"),
        "no deployment waits for them: test_runs.py and test_crons.py of their packages do",
    ),
    **dict.fromkeys(
        ("agent.scale", "local.scale"),
        "no deployment changes the number: test_replicas.py of both packages do",
    ),
    **dict.fromkeys(
        (
            f"supabase.{effect}"
            for effect in (
                "ensure_database",
                "destroy_database",
                "create_project",
                "restore_project",
                "delete_project",
            )
        ),
        "it is elsewhere: the emulated one of tests/providers/supabase fails around them",
    ),
    **dict.fromkeys(
        (
            f"render.{effect}"
            for effect in (
                "add_domain",
                "build",
                "cancel_deploy",
                "change_service",
                "create_database",
                "create_service",
                "deploy",
                "destroy",
                "destroy_database",
                "ensure_database",
                "ensure_domain",
                "mark_release",
                "prepare",
                "promote",
                "remove_builds",
                "remove_domain",
                "remove_domain_of_app",
                "remove_resource",
                "retire",
                "release_again",
                "start_deploy",
                "verify_domain",
            )
        ),
        "no story goes to a provider elsewhere: tests/providers/render loses its answers",
    ),
    **dict.fromkeys(
        (
            f"vercel.{effect}"
            for effect in (
                "build",
                "deploy",
                "promote",
                "retire",
                "prepare",
                "destroy",
                "remove_builds",
                "create_project",
                "stage_production",
                "set_region",
                "delete_project",
                "set_variables",
                "create_deployment",
                "cancel_deployment",
                "upload_file",
                "ask_for_traffic",
                "add_domain",
                "verify_domain",
                "remove_domain",
                "ensure_domain",
                "remove_domain_of_app",
                "remove_resource",
            )
        ),
        "it is at Vercel: tests/providers/vercel/test_interruptions.py loses and ends them there",
    ),
    **dict.fromkeys(
        (
            f"pushes.{effect}"
            for effect in (
                "comment",
                "redeliver",
                "register_webhook",
                "remove_webhook",
                "tell_deployment",
            )
        ),
        "no story has its sources at GitHub: tests/services/deployer/pushes loses its answers",
    ),
    "objects.delete": "what stands around it is: objects.delete_below",
    "objects.put_bytes": "nothing that a deployment does calls it",
}

PLACES = tuple((point, moment) for point in REACH for moment in ("before", "after"))

#: What is killed; "self" is the process that has come to the fault point.
KILLED = ("self", "worker", "api", "runtime", "supervisor", "caddy", "valkey", "postgres",
          "apps-postgres")  # fmt: skip
PAUSED = ("self", "worker", "runtime", "postgres", "valkey")
_OTHERS = ("drop", "delay", "flush", "restart postgres", "fill disk")
ACTIONS = (
    *(f"kill {target}" for target in KILLED),
    *(f"pause {target}" for target in PAUSED),
    *_OTHERS,
)
#: Calls that go to a provider or to another service: their answers can be lost on the way.
ANSWERED = ("agent.", "local.", "objects.", "queue.")


@dataclass(frozen=True)
class Plan:
    """``occurrence`` counts the passes of ``point`` from the moment that the story's last part
    begins. ``seconds`` is how long a pause, a delay or a full disk lasts, or when it is
    cancelled."""

    seed: int
    scenario: str
    app: str
    point: str
    moment: str
    occurrence: int
    action: str
    seconds: float

    def as_row(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.scenario} of a {self.app} app, {self.action} "
            f"({self.seconds} s) {self.moment} {self.point} #{self.occurrence}"
        )


def plan_of(seed: int) -> Plan:
    """The same plan for the same seed, on any machine."""
    choice = random.Random(seed)
    point, moment = PLACES[seed * 11 % len(PLACES)]
    reach = REACH[point]
    scenario = choice.choice(reach.scenarios)
    apps = [one for one in reach.apps if scenario not in _BUILT or one in _PROCESSES]
    app = choice.choice(apps)
    action = choice.choice([one for one in ACTIONS if _can_break(one, point, app)])
    shortest = LEASE_SECONDS + 0.5 if action.startswith("pause") else 0.2
    return Plan(
        seed=seed,
        scenario=scenario,
        app=app,
        point=point,
        moment=moment,
        occurrence=choice.randint(1, reach.times),
        action=action,
        seconds=round(choice.uniform(shortest, 3.0), 2),
    )


def _can_break(action: str, point: str, app: str) -> bool:
    if action == "kill apps-postgres":
        return app == "database"
    return action != "drop" or point.startswith(ANSWERED)
