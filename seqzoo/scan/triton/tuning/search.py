"""The search for faster configurations on a real GPU: timed, and checked before one may win.

From the configuration in use the search moves to the first faster neighbour, and on from there
until none is faster. A candidate that does not compile or run is passed over; one that is faster is
compared with float64 on every case of the catalogue that starts the kernel at this size, and passed
over if it is wrong anywhere. What wins is written at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from seqzoo.scan.triton.aot.checkup import check_up, usable
from seqzoo.scan.triton.aot.kernel_case import Case, Expected, Tensors, expect
from seqzoo.scan.triton.architecture import architecture_of
from seqzoo.scan.triton.configs import Config, HeadSize, config_for, config_is
from seqzoo.scan.triton.launch import watch_launches
from seqzoo.scan.triton.tuning.candidates import neighbours
from seqzoo.scan.triton.tuning.tuned_table import TunedTable
from seqzoo.scan.triton.tuning.tuning_problem import TuningProblem, enlarged

Timer = Callable[[Callable[[], None]], float]
"""Milliseconds that a start takes."""

MARGIN = 0.98
"""A candidate wins where it takes at most this share of the time, twice in a row: they jitter."""


class GpuLostError(RuntimeError):
    """A candidate has broken the GPU's context: this process cannot compute any more."""


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        kernel, size: what was tuned.
        before, after: configurations; the same if none was faster.
        ms_before, ms_after: of all the timed cases; infinite where it does not run or is wrong.
        tried: how many candidates were timed.
        finished: whether the search came to its end, not to its deadline.
    """

    kernel: str
    size: HeadSize
    before: Config
    after: Config
    ms_before: float
    ms_after: float
    tried: int
    finished: bool


@dataclass
class Tuner:
    """Searches, one problem after another.

    Args:
        device: the GPU.
        timer: how long a start takes.
        table: where what wins is kept.
        say: called with a line for each rejected candidate and each winner.
        deadline: of `time.monotonic()`, at which a search ends.
        larger: what a case is timed as.
    """

    device: torch.device
    timer: Timer
    table: TunedTable
    say: Callable[[str], None]
    deadline: float = float("inf")
    larger: Callable[[Case], Case] = enlarged

    def tune(self, problem: TuningProblem) -> Tuned:
        """Searches for one kernel and size.

        Raises:
            GpuLostError: the GPU is unusable since a candidate; its search counts as done, so that
                the next process continues after it.
        """
        search = _Search(self, problem)
        before = config_for(problem.kernel, problem.size, self.device)
        ms_before = search.milliseconds(before)
        if ms_before < float("inf") and (failure := search.wrong(before)):
            self.say(f"{search.name}: the one in use is wrong: {failure}")
            ms_before = float("inf")
        best, ms_best, tried = before, ms_before, {_key(before)}
        waiting = list(neighbours(best, problem.size.elements))
        while waiting and time.monotonic() < self.deadline:
            candidate = waiting.pop(0)
            if _key(candidate) in tried:
                continue
            tried.add(_key(candidate))
            found = search.wins(candidate, ms_best)
            if found is not None:
                best, ms_best = candidate, found
                waiting = list(neighbours(best, problem.size.elements))
                self.table.keep(problem.kernel, self._architecture, problem.size, best)
                self.say(f"{search.name}: {best}: {ms_best:.4f} ms, before {ms_before:.4f} ms")
        if not waiting:
            self.table.finish(problem.kernel, self._architecture, problem.size)
        return Tuned(
            kernel=problem.kernel,
            size=problem.size,
            before=before,
            after=best,
            ms_before=ms_before,
            ms_after=ms_best,
            tried=len(tried),
            finished=not waiting,
        )

    @cached_property
    def _architecture(self) -> str:
        return architecture_of(self.device)


class _Search:
    """One problem's tensors, expectations and measurements."""

    def __init__(self, tuner: Tuner, problem: TuningProblem) -> None:
        self.tuner, self.problem = tuner, problem
        self.name = f"{problem.kernel} at {problem.size}"
        self._expected: dict[Case, Expected] = {}

    @cached_property
    def _timed(self) -> list[tuple[Case, Tensors]]:
        cases = [self.tuner.larger(case) for case in self.problem.timed]
        return [(case, case.tensors(self.tuner.device)) for case in cases]

    def wins(self, candidate: Config, ms_best: float) -> float | None:
        """Its milliseconds if it is faster, twice, and right; else None."""
        found = float("inf")
        for _ in range(2):
            found = self.milliseconds(candidate)
            if found == float("inf") or found > ms_best * MARGIN:
                return None
        failure = self.wrong(candidate)
        if failure is None:
            return found
        self.tuner.say(f"{self.name}: {candidate}: faster, and wrong: {failure}")
        return None

    def milliseconds(self, config: Config) -> float:
        """What the kernel's starts take over the timed cases; infinite if they fail."""
        kernel, total = self.problem.kernel, 0.0
        starts: list[Callable[[], None]] = []

        def start_again() -> None:
            for start in starts:
                start()

        def watch(name: str, start: Callable[[], None]) -> None:
            start()
            if name == kernel:
                starts.append(start)

        try:
            with config_is(kernel, config):
                for case, tensors in self._timed:
                    starts.clear()
                    with watch_launches(watch):
                        case.run(tensors)
                    total += self.tuner.timer(start_again)
        except Exception as error:  # whatever a compiler or a driver raises
            line = (str(error).strip().splitlines() or [""])[0]
            self.tuner.say(f"{self.name}: {config}: {type(error).__name__}: {line}")
            self._lost_if_unusable(config)
            return float("inf")
        finally:
            starts.clear()
        return total

    def wrong(self, config: Config) -> str | None:
        """Why it is wrong on some case that starts the kernel at this size, or None."""
        with config_is(self.problem.kernel, config):
            for checked in check_up(self.problem.cases, self.tuner.device, self._expect):
                if checked.failure is not None:
                    self._lost_if_unusable(config)
                    return checked.failure
        return None

    def _expect(self, case: Case) -> Expected:
        if case not in self._expected:
            self._expected[case] = expect(case)
        return self._expected[case]

    def _lost_if_unusable(self, config: Config) -> None:
        if not usable(self.tuner.device):
            problem, architecture = self.problem, architecture_of(self.tuner.device)
            self.tuner.table.finish(problem.kernel, architecture, problem.size)
            raise GpuLostError(
                f"{self.name}: the GPU has been unusable since {config}; what was found is kept, "
                "run the same command again to go on with the next kernel"
            )


def _key(config: Config) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    return config.num_warps, config.num_stages, tuple(config.tiles.items())
