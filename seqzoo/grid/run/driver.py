"""Drive a plan's runs: claim, hand out, listen, until none is open."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from seqzoo.errors import RunError
from seqzoo.grid.plan.adopting import adopt_plan, write_plan
from seqzoo.grid.plan.failure import clear_failure, write_failure
from seqzoo.grid.plan.plan import Plan, read_plan
from seqzoo.grid.plan.tuner import States, Tuner
from seqzoo.grid.run.ending import Outcome, outcome_of
from seqzoo.grid.run.executors import Executor
from seqzoo.grid.run.job import Busy, Finished, Job, Lost, News, Progress, Started, Work
from seqzoo.grid.run.known import KnownPlan
from seqzoo.grid.run.ledger import Counts, Ledger
from seqzoo.grid.run.liveness import Owner, is_stopped, this_process
from seqzoo.grid.run.place import (
    clear_drafts,
    refuse_missing_directory,
    refuse_run_directory,
)
from seqzoo.grid.run.stopping import StopRequests, stop_requests
from seqzoo.grid.run.takeover import Takeover
from seqzoo.grid.run.view import View
from seqzoo.grid.run.worker_losses import MAX_LOSSES, Losses

__all__ = ["run_grid"]

BEAT_SECONDS = 5.0
LOOK_SECONDS = 1.0
LISTEN_SECONDS = 0.2


def run_grid(
    plan: Plan,
    directory: Path,
    executor: Executor,
    work: Work,
    view: View,
    tuner: Tuner | None = None,
) -> Outcome:
    """Do every run of the plan that is not done yet; other processes may share the work.

    Runs that failed before are tried again. A failing run does not stop the others. One Ctrl-C
    lets the current runs finish and starts no more; a second one, or a SIGTERM, stops them at once.
    A tuner extends the plan as results come in.

    Raises:
        RunError: the directory holds another grid or a run, cannot be written, has vanished, or the
            disk is full.
    """
    refuse_run_directory(directory)
    with Ledger(directory) as ledger:
        with ledger.transaction():
            clear_drafts(directory)
            plan = adopt_plan(directory, plan)
            ledger.enlist(plan.distinct())
        grid = _Grid(KnownPlan(directory, plan), ledger, executor, view, tuner)
        grid.reopen()
        with stop_requests() as requests:
            executor.start(work)
            try:
                grid.drive(requests)
            finally:
                executor.close()
                view.closed()
                grid.release_all()
        refuse_missing_directory(directory)
        return grid.outcome()


@dataclass
class _Grid:
    """A grid at work in this process.

    Attributes:
        known: the plan as last read.
        tuner: extends the plan; None if nothing is tuned.
        at_hand: claim -> the job that a worker has.
        steps: claim -> its last step.
        losses: counts the workers that died during each run.
        owner: this process.
        waited_for: other owners whose runs this process waits for, as last reported.
        next_beat: when to advance the counters (monotonic seconds).
        next_look: when to look for a planned run again.
        requests_seen: how many of the user's requests to stop have been handled.
    """

    known: KnownPlan
    ledger: Ledger
    executor: Executor
    view: View
    tuner: Tuner | None = None
    owner: Owner = field(default_factory=this_process)
    at_hand: dict[str, Job] = field(default_factory=dict)
    steps: dict[str, int | None] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    next_beat: float = 0.0
    next_look: float = 0.0
    requests_seen: int = 0
    waited_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.takeover = Takeover(self.known.place)

    def reopen(self) -> None:
        """Plan again runs that failed, lack their own record, or belonged to a dead process."""
        self.ledger.reopen(
            row.run_id
            for row in self.ledger.rows()
            if (row.state == "failed" and not self.known.is_answer(row.run_id))
            or (row.state == "done" and not self.known.is_done(row.run_id))
        )
        self._free_the_gone()

    def _free_the_gone(self) -> None:
        """Plan again the runs whose owners are gone."""
        theirs = [row for row in self.ledger.running() if row.claim not in self.at_hand]
        for row in self.takeover.gone(theirs):
            self.ledger.free(row)

    def drive(self, requests: StopRequests) -> None:
        self.view.opened(self._counts(), self.known.sizes)
        while requests.count < 2:
            if requests.count > self.requests_seen:
                self.view.stopping(len(self.at_hand))
                self.requests_seen = requests.count
            if requests.count == 0:
                self._hand_out()
            for news in self.executor.news(LISTEN_SECONDS):
                if news.job.claim in self.at_hand:
                    self._hear(news)
            self._beat()
            if not self.at_hand and (requests.count > 0 or not self._is_open()):
                break
        self.requests_seen = requests.count

    def _hand_out(self) -> None:
        """Claim runs for the free workers; if none was left, look again a second later."""
        while self.executor.free() > 0 and time.monotonic() >= self.next_look:
            claim = self.ledger.claim(self.owner)
            while claim is None and self._grow():
                claim = self.ledger.claim(self.owner)
            if claim is None:
                self.next_look = time.monotonic() + LOOK_SECONDS
                self._free_the_gone()
                self.view.counted(self._counts())
                self._tell_of_waiting()
                return
            self.known.know(claim.run_id)
            job = Job(
                run_id=claim.run_id,
                claim=claim.token,
                spec=self.known.rows[claim.run_id].spec,
                directory=self.known.place(claim.run_id),
                label=self.known.labels[claim.run_id],
                attempt=claim.attempt,
            )
            self.at_hand[claim.token] = job
            self.steps[claim.token] = None
            self.executor.submit(job)
            self.view.started(job)

    def _tell_of_waiting(self) -> None:
        """Report which processes this one waits for, when it has nothing else to do."""
        rows = [] if self.at_hand else self.ledger.running()
        owners = sorted({row.owner for row in rows if row.owner is not None}, key=str)
        waited_for = tuple(
            f"{owner}, which is stopped: kill -CONT {owner.pid} continues it"
            if is_stopped(owner)
            else str(owner)
            for owner in owners
        )
        if waited_for and waited_for != self.waited_for:
            self.view.waiting(waited_for)
        self.waited_for = waited_for

    def _grow(self) -> bool:
        """Extend the plan by the next trials and comparisons; False if there are none."""
        if self.tuner is None:
            return False
        with self.ledger.transaction():
            directory = self.known.directory
            plan = read_plan(directory)
            states: States = {row.run_id: row.state for row in self.ledger.rows()}
            grown = self.tuner.grow(plan, directory, states, self.executor.free())
            if grown is not plan:
                write_plan(directory, grown)
                self.ledger.enlist(grown.distinct())
        self.known.take(grown)
        return grown is not plan

    def _counts(self) -> Counts:
        """Runs by state; runs still to be added to the plan count as planned."""
        counts = self.ledger.counts()
        if self.tuner is None:
            return counts
        return replace(counts, planned=counts.planned + self.tuner.to_come(self.known.plan))

    def _hear(self, news: News) -> None:
        claim = news.job.claim
        match news:
            case Started():
                self.ledger.move(claim, news.host, news.pid)
            case Progress():
                self.steps[claim] = news.step
                self.view.progress(news)
            case Finished(no_room=True):
                raise RunError(
                    f"{news.job.directory}: {news.error}; free some room on the disk and run the "
                    "same command again: it resumes"
                )
            case Finished():
                self._finish(news)
            case Busy():
                self._put_back(news)
            case Lost():
                self._lose(news)

    def _put_back(self, news: Busy) -> None:
        """Give back a run that another process trains, and look again a little later."""
        self.ledger.release(news.job.claim)
        self._forget(news.job)
        self.view.taken(news.job)
        self.next_look = time.monotonic() + LOOK_SECONDS

    def _lose(self, news: Lost) -> None:
        """Plan the run again, unless it has lost many workers without any progress."""
        times = self.losses.count(news.job.run_id, self.steps[news.job.claim] or 0)
        if times < MAX_LOSSES:
            self.ledger.release(news.job.claim)
            self._forget(news.job)
            self.view.lost(news)
            return
        self._finish(Finished(news.job, error=f"given up, {times} workers died of it: {news.how}"))

    def _finish(self, news: Finished) -> None:
        if news.error is None:
            clear_failure(news.job.directory)
        else:
            job = news.job
            about = f"{job.label}, run {job.run_id}, attempt {job.attempt}"
            write_failure(job.directory, news.error, about, news.traceback)
        self.ledger.finish(news.job.claim, news.error, news.traceback)
        self._forget(news.job)
        self.view.finished(news, self._counts())
        if self.tuner is not None:
            self.next_look = 0.0

    def _forget(self, job: Job) -> None:
        del self.at_hand[job.claim]
        del self.steps[job.claim]

    def _beat(self) -> None:
        """Advance the counters; drop runs whose claims were lost."""
        if time.monotonic() < self.next_beat:
            return
        self.next_beat = time.monotonic() + BEAT_SECONDS
        refuse_missing_directory(self.known.directory)
        for claim in self.ledger.beat(self.steps):
            job = self.at_hand[claim]
            self._forget(job)
            self.executor.stop(job)
            self.view.taken(job)

    def _is_open(self) -> bool:
        """Whether anything is left. Another process may extend the plan between two checks, so
        nothing is left only if no count has changed in between."""
        while True:
            counts = self.ledger.counts()
            if counts.planned + counts.running > 0 or self._grow():
                return True
            if self.ledger.counts() == counts:
                return False

    def release_all(self) -> None:
        for claim in self.at_hand:
            self.ledger.release(claim)

    def outcome(self) -> Outcome:
        rows = self.ledger.rows()
        for row in rows:
            self.known.know(row.run_id)
        return outcome_of(rows, self.known, self.tuner, was_stopped=self.requests_seen > 0)
