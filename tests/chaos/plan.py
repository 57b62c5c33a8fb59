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
#: Pages at Vercel; "supabase" is one that has a database there.
HOSTED_APPS = ("vercel", "supabase")
#: A server at Render with a worker and a cron beside it. Beside the first deployment, rollback and
#: deletion, it is told of how it moves to this machine, and returns; and of the same when somebody
#: has suspended its worker in Render's dashboard: "held" and "refused".
MOVING_APPS = ("render",)

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

_DEPLOYED = ("deploy", *_REPLACING)
_MADE = ("failing", *_WITH_A_BUILD)
_AT_SUPABASE = ("supabase",)
_FROM_RENDER = ("move", "held")
_TO_RENDER = ("deploy", "return", "rollback")

#: The same for apps that move from Render to this machine and back (``hosted_plan_of``).
MOVING_REACH = {
    "render.leave": Reach((*_FROM_RENDER, "refused"), MOVING_APPS),
    "render.mark_left": Reach(("move",), MOVING_APPS, times=2),
    "render.suspend": Reach(_FROM_RENDER, MOVING_APPS),
    "render.resume": Reach(("return", "rollback"), MOVING_APPS, times=2),
    "render.release_beside": Reach(_TO_RENDER, MOVING_APPS, times=2),
    "render.mark_release": Reach(_TO_RENDER, MOVING_APPS, times=2),
    "render.release_again": Reach(_TO_RENDER, MOVING_APPS, times=2),
    "render.prepare_beside": Reach(("deploy", "return"), MOVING_APPS),
    "render.retire": Reach((*_FROM_RENDER, "refused"), MOVING_APPS),
    "local.leave": Reach(("return", "rollback"), MOVING_APPS),
    "render.create_service": Reach(("deploy",), MOVING_APPS, times=3),
    "render.change_service": Reach(("return",), MOVING_APPS),
    "render.start_deploy": Reach(("return",), MOVING_APPS),
    "render.cancel_deploy": Reach(("deploy", "return"), MOVING_APPS),
    "render.build": Reach(("deploy", "return"), MOVING_APPS),
    "render.deploy": Reach(_TO_RENDER, MOVING_APPS),
    "render.promote": Reach(_TO_RENDER, MOVING_APPS),
    "render.destroy": Reach(("delete",), MOVING_APPS),
}

#: The same for apps at Vercel, whose databases are at Supabase.
HOSTED_REACH = {
    "supabase.create_project": Reach(("deploy",), _AT_SUPABASE),
    "supabase.delete_project": Reach(("delete",), _AT_SUPABASE),
    "supabase.destroy_database": Reach(("delete",), _AT_SUPABASE),
    "supabase.ensure_database": Reach(("deploy",), _AT_SUPABASE),
    "vercel.ask_for_traffic": Reach(_DEPLOYED, HOSTED_APPS),
    "vercel.build": Reach(("deploy", "redeploy", "burst"), HOSTED_APPS),
    "vercel.cancel_deployment": Reach(("cancel",), HOSTED_APPS),
    "vercel.create_deployment": Reach(_MADE, HOSTED_APPS),
    "vercel.create_project": Reach(("deploy",), HOSTED_APPS),
    "vercel.delete_project": Reach(("delete",), HOSTED_APPS),
    "vercel.deploy": Reach(_DEPLOYED, HOSTED_APPS),
    "vercel.destroy": Reach(("delete",), HOSTED_APPS),
    "vercel.prepare": Reach(_DEPLOYED, HOSTED_APPS),
    "vercel.promote": Reach(_DEPLOYED, HOSTED_APPS, times=2),
    "vercel.remove_builds": Reach(("delete",), HOSTED_APPS),
    "vercel.retire": Reach(_REPLACING, HOSTED_APPS),
    "vercel.set_variables": Reach(_MADE, HOSTED_APPS),
    "vercel.stage_production": Reach(("deploy",), HOSTED_APPS),
    "vercel.upload_file": Reach(_MADE, HOSTED_APPS),
    **MOVING_REACH,
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
        ("supabase.pause_database", "supabase.pause_project", "supabase.restore_project"),
        "nobody pauses a project: tests/providers/supabase does",
    ),
    **dict.fromkeys(
        (
            f"render.{effect}"
            for effect in (
                "add_domain",
                "bring_back",
                "close_database",
                "create_database",
                "destroy_database",
                "ensure_database",
                "ensure_domain",
                "remove_beside",
                "remove_domain",
                "remove_domain_of_app",
                "remove_resource",
                "scale",
                "verify_domain",
            )
        ),
        "no story has that at Render: tests/providers/render loses its answers",
    ),
    **dict.fromkeys(
        ("render.prepare", "render.remove_builds", "vercel.leave"),
        "nothing is done there",
    ),
    **dict.fromkeys(
        (
            f"vercel.{effect}"
            for effect in (
                "set_region",
                "add_domain",
                "verify_domain",
                "remove_domain",
                "ensure_domain",
                "remove_domain_of_app",
                "remove_resource",
            )
        ),
        "no story has domains there, or removes by hand: tests/providers/vercel does",
    ),
    **dict.fromkeys(
        (
            f"pushes.{effect}"
            for effect in (
                "comment",
                "redeliver",
                "register_webhook",
                "remove_webhook",
                "tell_commit",
                "tell_deployment",
            )
        ),
        "no story has its sources at GitHub: tests/services/deployer/pushes loses its answers",
    ),
    "objects.delete": "what stands around it is: objects.delete_below",
    "objects.put_bytes": "nothing that a deployment does calls it",
}

_MOMENTS = ("before", "after")
PLACES = tuple((point, moment) for point in REACH for moment in _MOMENTS)
#: One place of each fault point of a move comes first, so that twenty seeds break at all of them,
#: and the other one last.
HOSTED_PLACES = (
    *((point, _MOMENTS[number % 2]) for number, point in enumerate(MOVING_REACH)),
    *(
        (point, moment)
        for moment in _MOMENTS
        for point in HOSTED_REACH
        if point not in MOVING_REACH
    ),
    *((point, _MOMENTS[number % 2 - 1]) for number, point in enumerate(MOVING_REACH)),
)

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
HOSTED_ACTIONS = (
    *(f"kill {target}" for target in ("self", "worker", "api", "supervisor", "valkey", "postgres")),
    *(f"pause {target}" for target in ("self", "worker", "valkey", "postgres")),
    "drop", "delay", "flush", "restart postgres",
)  # fmt: skip
#: How the providers fail the call that follows: done and never answered, or cut off in the answer;
#: broken off before it was done; with an error of theirs; or refused for a while.
FAILURES = tuple(f"fail {kind}" for kind in ("lost", "cut", "broken_off", "500", "503", "limited"))
#: The methods of the calls that fault points stand right before.
CALLED = {
    "render.cancel_deploy": "POST",
    "render.change_service": "PUT",
    "render.create_service": "POST",
    "render.destroy": "DELETE",
    "render.mark_left": "PUT",
    "render.mark_release": "PUT",
    "render.release_again": "POST",
    "render.resume": "POST",
    "render.start_deploy": "POST",
    "render.suspend": "POST",
    "supabase.create_project": "POST",
    "supabase.delete_project": "DELETE",
    "vercel.ask_for_traffic": "POST",
    "vercel.cancel_deployment": "PATCH",
    "vercel.create_deployment": "POST",
    "vercel.create_project": "POST",
    "vercel.delete_project": "DELETE",
    "vercel.set_variables": "POST",
    "vercel.stage_production": "PATCH",
    "vercel.upload_file": "POST",
}
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


def hosted_plan_of(seed: int) -> Plan:
    """One of the plans for apps elsewhere; half of those before a call have the call fail."""
    choice = random.Random(seed)
    point, moment = HOSTED_PLACES[(seed - 1) % len(HOSTED_PLACES)]
    reach = HOSTED_REACH[point]
    fails = point in CALLED and moment == "before" and choice.random() < 0.5
    action = choice.choice(FAILURES if fails else HOSTED_ACTIONS)
    scenario = choice.choice(reach.scenarios)
    # Before that there may be nothing at Vercel that could be cancelled.
    shortest = 2.0 if scenario == "cancel" else 0.2
    if action.startswith("pause"):
        shortest = max(shortest, LEASE_SECONDS + 0.5)
    return Plan(
        seed=seed,
        scenario=scenario,
        app=choice.choice(reach.apps),
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
