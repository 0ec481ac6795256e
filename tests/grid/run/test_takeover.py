from dataclasses import replace

import pytest

from seqzoo.grid.run import takeover
from seqzoo.grid.run.ledger import Ledger
from seqzoo.grid.run.liveness import Owner, this_process
from seqzoo.grid.run.takeover import STALE_SECONDS, Takeover
from seqzoo.spec.run import RunSpec
from seqzoo.train.directory import RunDirectory

ELSEWHERE = Owner("elsewhere", "another boot", 1, "1")


class Clock:
    """Monotonic seconds that a test moves."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(takeover, "time", clock)
    return clock


class Grid:
    """A ledger with one running run, and one who looks at it."""

    def __init__(self, directory, owner):
        self.directory = directory
        self.ledger = Ledger(directory)
        with self.ledger.transaction():
            self.ledger.enlist(["a"])
        claim = self.ledger.claim(owner)
        assert claim is not None
        self.token = claim.token
        self.takeover = Takeover(lambda run_id: directory / "runs" / run_id)

    def look(self, clock, seconds, every=1.0, beat=False):
        """Look again and again for so many seconds; whether the run may be taken at last."""
        gone = []
        for _ in range(int(seconds / every)):
            clock.now += every
            if beat:
                self.ledger.beat({self.token: 1})
            gone = self.takeover.gone(self.ledger.running())
        return [row.run_id for row in gone] == ["a"]


@pytest.fixture
def grid(tmp_path):
    grids = []

    def make(owner):
        grids.append(Grid(tmp_path, owner))
        return grids[-1]

    yield make
    for each in grids:
        each.ledger.close()


def test_an_owner_elsewhere_is_gone_when_its_counter_stands_still_under_our_eyes(grid, clock):
    grid = grid(ELSEWHERE)
    assert not grid.look(clock, STALE_SECONDS)
    assert grid.look(clock, 2)


def test_an_owner_elsewhere_that_counts_on_is_never_gone(grid, clock):
    grid = grid(ELSEWHERE)
    assert not grid.look(clock, 10 * STALE_SECONDS, beat=True)


def test_time_in_which_the_looker_itself_was_stopped_does_not_count(grid, clock):
    grid = grid(ELSEWHERE)
    assert not grid.look(clock, 10)
    clock.now += 3600
    assert not grid.look(clock, 10)


def test_a_process_of_this_machine_is_there_however_long_it_says_nothing(grid, clock):
    grid = grid(this_process())
    assert not grid.look(clock, 100 * STALE_SECONDS)


def test_a_process_of_another_birth_under_the_same_number_is_another_one(grid, clock):
    me = this_process()
    assert me.born, "Linux tells when a process started"
    assert grid(replace(me, born=me.born + "0")).look(clock, 1)


def test_nobody_takes_a_run_that_is_being_trained(grid, clock, tmp_path):
    grid = grid(ELSEWHERE)
    place = tmp_path / "runs" / "a"
    with RunDirectory(place, _spec()):
        assert not grid.look(clock, 2 * STALE_SECONDS)
    assert grid.look(clock, 1)


def _spec() -> RunSpec:
    import seqzoo

    run = {"model": {"width": 16, "layers": 1, "mixer": "attention"}, "task": "parity"}
    run["train"] = {"steps": 1}
    return RunSpec.model_validate(run, context={"catalog": seqzoo.load_registry()})
