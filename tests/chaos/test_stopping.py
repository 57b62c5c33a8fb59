"""Ctrl-C ends a long run of seeds so that nothing of it stays, and the same command goes on."""

import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.chaos.plan import Plan
from tests.chaos.run import HERE, play
from tests.chaos.story import Outcome

_PATIENCE_SECONDS = 10.0
# A run that does not wait for its seeds returns within this time.
_TOO_EARLY_SECONDS = 0.3


class _Stage:
    """One on which nothing runs; whether each is open is in ``states``."""

    def __init__(self, states: dict["_Stage", str]):
        self._states = states

    def open(self) -> None:
        self._states[self] = "open"

    def close(self) -> None:
        self._states[self] = "closed"

    def remove(self) -> None:
        self._states[self] = "removed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_seeds_that_are_being_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    both_play = threading.Barrier(2)
    told, returned = threading.Event(), threading.Event()
    states: dict[_Stage, str] = {}

    class Story:
        def __init__(self, _stage: object, plan: Plan):
            self._plan = plan

        def play(self) -> Outcome:
            # A seed more would wait here for ever: the other stage plays none.
            if both_play.wait(_PATIENCE_SECONDS) == 0:
                # The system may hand it to any thread.
                signal.pthread_kill(threading.get_ident(), number)
            assert told.wait(_PATIENCE_SECONDS)
            returned.wait(_TOO_EARLY_SECONDS)
            return Outcome(self._plan)

    def tell(*_: object, **__: object) -> None:
        told.set()

    monkeypatch.setattr("tests.chaos.run._warm_up", lambda *_: None)
    monkeypatch.setattr("tests.chaos.run.print", tell, raising=False)
    before = signal.getsignal(number)
    family = replace(HERE, stage=lambda: _Stage(states), story=Story)

    outcomes = play([1, 2, 3, 4, 5], tmp_path / "chaos.jsonl", stages=2, family=family)
    left = list(states.values())
    returned.set()

    assert {outcome.plan.seed for outcome in outcomes} == {1, 2}
    assert left == ["removed", "removed"]
    assert signal.getsignal(number) == before
