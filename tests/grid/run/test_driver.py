import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from seqzoo.errors import RunError
from seqzoo.grid.plan.adopting import adopt_plan
from seqzoo.grid.plan.failure import read_failure
from seqzoo.grid.plan.plan import run_directory
from seqzoo.grid.run import driver
from seqzoo.grid.run.driver import run_grid
from seqzoo.grid.run.job import Busy, Finished, Lost, Progress
from seqzoo.grid.run.ledger import Ledger
from seqzoo.grid.run.liveness import this_process
from seqzoo.grid.run.view import View
from seqzoo.train.record import (
    DeviceFacts,
    MetricFacts,
    Record,
    Timings,
    Versions,
    write_record,
)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.0)


RECORD = Record(
    run_id="",
    name=None,
    seed=0,
    status="done",
    steps=10,
    max_steps=10,
    reached_at=None,
    target=None,
    metric=MetricFacts(name="accuracy", higher_is_better=True, chance=None),
    metrics={"accuracy": 0.5},
    best={},
    parameters=1,
    state_size=1,
    timings=Timings(wall_s=1.0, train_s=1.0, tokens=1, tokens_per_s=1.0),
    versions=Versions(seqzoo="", torch="", python="", plugins={}),
    device=DeviceFacts(kind="cpu", name="", threads=1),
)


class Work:
    """Leaves a record; does what `deeds` says of a run instead, one deed an attempt."""

    def __init__(self, **deeds):
        self.deeds = deeds
        self.done = []

    def __call__(self, job, send):
        deeds = self.deeds.get(job.run_id, [])
        if deeds:
            deeds.pop(0)(job, send)
            return
        self.done.append(job.run_id)
        job.directory.mkdir(parents=True, exist_ok=True)
        write_record(
            job.directory / "record.json", RECORD.model_copy(update={"run_id": job.run_id})
        )
        send(Finished(job, summary="well"))


def fail(job, send):
    send(Finished(job, error="ValueError('no')", traceback="Traceback: no"))


def die(job, send):
    send(Lost(job, how="its worker was ended by SIGKILL"))


def die_further_each_time(job, send):
    send(Progress(job, step=job.attempt))
    die(job, send)


class Told(View):
    """Writes down what it is told."""

    def __init__(self):
        self.said = []

    def finished(self, news, counts):
        self.said.append((news.job.run_id, news.error))

    def lost(self, news):
        self.said.append((news.job.run_id, "lost"))

    def taken(self, job):
        self.said.append((job.run_id, "taken"))

    def waiting(self, owners):
        self.said.append(("waiting", owners))

    def stopping(self, at_hand):
        self.said.append(("stopping", at_hand))

    def closed(self):
        self.said.append(("closed", None))


def dead_process():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return replace(this_process(), pid=child.pid)


def states(directory):
    with Ledger(directory) as ledger:
        return {row.run_id: (row.state, row.attempt) for row in ledger.rows()}


def test_every_run_is_done_once_and_a_rerun_does_nothing(tmp_path, make_plan_of, inline):
    work, executor = Work(), inline()
    outcome = run_grid(make_plan_of("a", "b", "c"), tmp_path, executor, work, View())
    assert work.done == ["a", "b", "c"]
    assert (outcome.total, outcome.done, outcome.failures) == (3, 3, ())
    assert not outcome.interrupted
    assert executor.is_closed
    assert run_grid(make_plan_of("a", "b", "c"), tmp_path, inline(), work, View()) == outcome
    assert work.done == ["a", "b", "c"]


def test_a_grown_grid_does_only_what_is_new(tmp_path, make_plan_of, inline):
    work = Work()
    run_grid(make_plan_of("a"), tmp_path, inline(), work, View())
    run_grid(make_plan_of("b", "a"), tmp_path, inline(), work, View())
    assert work.done == ["a", "b"]


def test_a_failing_run_stops_no_other_and_is_tried_again_by_a_rerun(tmp_path, make_plan_of, inline):
    work, told = Work(a=[fail]), Told()
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, told)
    assert work.done == ["b"]
    (failure,) = outcome.failures
    assert (failure.label, failure.error) == ("a, seed 0", "ValueError('no')")
    assert read_failure(failure.directory) == "ValueError('no')"
    assert told.said == [("a", "ValueError('no')"), ("b", None), ("closed", None)]
    assert states(tmp_path) == {"a": ("failed", 1), "b": ("done", 1)}
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, View())
    assert outcome.failures == ()
    assert states(tmp_path) == {"a": ("done", 2), "b": ("done", 1)}
    assert read_failure(failure.directory) is None


def test_a_run_whose_worker_died_is_taken_up_again(tmp_path, make_plan_of, inline):
    work, told = Work(a=[die, die]), Told()
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, told)
    assert (outcome.done, outcome.failures) == (2, ())
    assert told.said.count(("a", "lost")) == 2
    assert states(tmp_path)["a"] == ("done", 3)


def test_a_run_that_kills_every_worker_is_given_up(tmp_path, make_plan_of, inline):
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, inline(), Work(a=[die] * 99), View())
    (failure,) = outcome.failures
    assert failure.error == "given up, 5 workers died of it: its worker was ended by SIGKILL"
    assert outcome.done == 1


def test_a_run_that_comes_further_each_time_is_not_given_up(tmp_path, make_plan_of, inline):
    work = Work(a=[die_further_each_time] * 12)
    outcome = run_grid(make_plan_of("a"), tmp_path, inline(), work, View())
    assert outcome.done == 1
    assert states(tmp_path)["a"] == ("done", 13)


def test_a_done_run_without_its_record_is_done_again(tmp_path, make_plan_of, inline):
    work = Work()
    run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, View())
    (run_directory(tmp_path, "a") / "record.json").unlink()
    run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, View())
    assert work.done == ["a", "b", "a"]


def test_what_a_dead_process_had_is_taken_up(tmp_path, make_plan_of, inline):
    work = Work()
    plan = make_plan_of("a", "b")
    adopt_plan(tmp_path, plan)
    with Ledger(tmp_path) as ledger:
        with ledger.transaction():
            ledger.enlist(plan.distinct())
        ledger.claim(dead_process())
    outcome = run_grid(plan, tmp_path, inline(), work, View())
    assert outcome.done == 2
    assert states(tmp_path) == {"a": ("done", 2), "b": ("done", 1)}


def test_a_live_owner_is_waited_for_whatever_the_clocks_say(
    tmp_path, make_plan_of, inline, monkeypatch
):
    monkeypatch.setattr("time.time", lambda: 4e9)
    plan, work, told = make_plan_of("a", "b"), Work(), Told()
    adopt_plan(tmp_path, plan)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with Ledger(tmp_path) as ledger:
        with ledger.transaction():
            ledger.enlist(plan.distinct())
        ledger.claim(replace(this_process(), pid=child.pid, born=""))

    def waiting(owners):
        told.said.append(("waiting", owners))
        assert work.done == ["b"]
        child.communicate(b"\n")

    monkeypatch.setattr(told, "waiting", waiting)
    outcome = run_grid(plan, tmp_path, inline(), work, told)
    owner = f"process {child.pid} on {this_process().host}"
    assert [said for said in told.said if said[0] == "waiting"] == [("waiting", (owner,))]
    assert outcome.done == 2
    assert states(tmp_path) == {"a": ("done", 2), "b": ("done", 1)}


def test_a_run_that_someone_else_trains_is_tried_again_and_has_not_failed(
    tmp_path, make_plan_of, inline
):
    work, told = Work(a=[lambda job, send: send(Busy(job))] * 3), Told()
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, inline(), work, told)
    assert (outcome.done, outcome.failures) == (2, ())
    assert told.said.count(("a", "taken")) == 3


def test_a_run_that_another_process_took_over_is_let_go(
    tmp_path, make_plan_of, inline, monkeypatch
):
    monkeypatch.setattr(driver, "BEAT_SECONDS", 0.0)

    def lose_the_claim_of_b(job, send):
        with Ledger(tmp_path) as other:
            token = other.database.execute("SELECT claim FROM runs WHERE run_id = 'b'").fetchone()
            other.release(token[0])
        work.deeds["a"].clear()
        send(Finished(job))

    work, told, executor = Work(a=[lose_the_claim_of_b]), Told(), inline()
    outcome = run_grid(make_plan_of("a", "b"), tmp_path, executor, work, told)
    assert [job.run_id for job in executor.stopped] == ["b"]
    assert ("b", "taken") in told.said
    assert outcome.done == 2
    assert work.done == ["b"]


def test_ctrl_c_finishes_what_is_at_hand_and_starts_no_more(tmp_path, make_plan_of, inline):
    def interrupt(job, send):
        os.kill(os.getpid(), signal.SIGINT)
        send(Finished(job))

    work, told = Work(a=[interrupt]), Told()
    outcome = run_grid(make_plan_of(*"abcd"), tmp_path, inline(2), work, told)
    assert outcome.interrupted
    assert work.done == ["b"]
    assert ("stopping", 1) in told.said
    assert [state for state, _ in states(tmp_path).values()] == ["done", "done"] + ["planned"] * 2


def test_ctrl_c_twice_leaves_what_is_at_hand_planned(tmp_path, make_plan_of, inline):
    def terminate(job, send):
        os.kill(os.getpid(), signal.SIGTERM)
        send(Progress(job, step=3))

    executor = inline(2)
    outcome = run_grid(make_plan_of(*"abc"), tmp_path, executor, Work(a=[terminate]), View())
    assert outcome.interrupted
    assert executor.is_closed
    assert states(tmp_path) == {"a": ("planned", 1), "b": ("planned", 1), "c": ("planned", 0)}


def test_a_full_disk_stops_the_grid_and_fails_no_run(tmp_path, make_plan_of, inline):
    def no_room(job, send):
        send(Finished(job, error="cannot write checkpoint: No space left", no_room=True))

    executor = inline()
    with pytest.raises(RunError, match=r"No space left; free some room .* it resumes"):
        run_grid(make_plan_of("a", "b"), tmp_path, executor, Work(a=[no_room]), View())
    assert executor.is_closed
    assert states(tmp_path) == {"a": ("planned", 1), "b": ("planned", 1)}


def test_runs_that_another_process_adds_are_done_too(tmp_path, make_plan_of, inline):
    larger = make_plan_of("a", "z")

    def grow(job, send):
        with Ledger(tmp_path) as other, other.transaction():
            adopt_plan(tmp_path, larger)
            other.enlist(larger.distinct())
        send(Finished(job))

    work = Work(a=[grow])
    outcome = run_grid(make_plan_of("a"), tmp_path, inline(), work, View())
    assert work.done == ["z"]
    assert outcome.total == 2
