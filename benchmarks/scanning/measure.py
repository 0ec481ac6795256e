"""Runs a plan: rows of time, memory, error and distance from the limit.

What cannot run leaves a row that says why; the rest continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from scanning import errors, memory, roofline
from scanning.peers import PeerMissingError
from scanning.plan import Extent, Group
from scanning.record import OVER
from scanning.roofline import Ceilings
from scanning.work import STEP, TRAINING, Work
from seqzoo.bench import timing
from seqzoo.bench.memory import peak_on_gpu
from seqzoo.bench.timing import Timing

Row = dict[str, Any]


class Measurement:
    """A run over groups, within a time.

    Args:
        extent: shapes and times.
        ceilings: the machine's.
        deadline: `time.monotonic()` after which the rest is left out, and said so.
        with_memory: whether peak memory is measured.
    """

    def __init__(
        self, extent: Extent, ceilings: Ceilings, deadline: float, with_memory: bool = True
    ) -> None:
        self.extent, self.ceilings, self.deadline = extent, ceilings, deadline
        self.with_memory = with_memory
        self.expected: dict[tuple, dict[str, torch.Tensor]] = {}
        self.ratios: dict[tuple, dict[str, float]] = {}

    def rows(self, group: Group) -> list[Row]:
        """The rows of a group, in its order."""
        rows = {work: describe(work, group.name) for work in group.works}
        ready: dict[Work, Callable[[], Any]] = {}
        for work, row in rows.items():
            if time.monotonic() > self.deadline:
                row["skipped"] = OVER
                continue
            self._guard(row, "skipped", lambda work=work: ready.update({work: work.prepare()}))
            if work.device.type == "cuda" and work in ready:
                self._guard(row, "skipped", lambda work=work: self._on_gpu(work, ready, rows))
                ready.pop(work, None)
        if ready:
            self._in_turns(ready, rows)
        for work, row in rows.items():
            if "skipped" in row or row["action"] != TRAINING or time.monotonic() > self.deadline:
                continue
            if self.with_memory and group.memory and work.device.type == "cpu":
                self._guard(
                    row,
                    "memory_skipped",
                    lambda work=work, row=row: row.update(peak_bytes=memory.in_own_process(work)),
                )
            if group.errors and row["exact"]:
                self._guard(
                    row,
                    "errors_skipped",
                    lambda work=work, row=row: row.update(
                        errors=self._errors(work),
                        errors_shape=list(errors.reduced(work.shape)),
                    ),
                )
        return list(rows.values())

    def _in_turns(self, ready: dict[Work, Callable[[], Any]], rows: dict[Work, Row]) -> None:
        """On a CPU: all that can run, in turns."""
        for work in list(ready):  # one that fails when called must not stop the others' turns
            self._guard(rows[work], "skipped", ready[work])
            if "skipped" in rows[work]:
                del ready[work]
        named = {f"{index}": work for index, work in enumerate(ready)}
        functions = {name: ready[work] for name, work in named.items()}
        if not functions:
            return
        times = timing.take_turns(functions, self.extent.seconds, self.extent.least, warm=1)
        for name, work in named.items():
            self._note(rows[work], work, times[name])

    def _on_gpu(
        self, work: Work, ready: dict[Work, Callable[[], Any]], rows: dict[Work, Row]
    ) -> None:
        function = ready[work]
        if self.with_memory and work.action != STEP:
            rows[work]["peak_bytes"] = peak_on_gpu(function, work.device)
        milliseconds = round(1e3 * self.extent.seconds)
        self._note(rows[work], work, timing.on_gpu(function, milliseconds))

    def _note(self, row: Row, work: Work, timed: Timing) -> None:
        row.update({name: _round(value) for name, value in timed._asdict().items()})
        if row["exact"]:
            floor, limit = roofline.floor_ms(work, self.ceilings)
            row.update(floor_ms=_round(floor), limit=limit)
            row.update(of_limit=_round(floor / timed.median_ms))

    def _errors(self, work: Work) -> dict[str, float]:
        small = errors.reduced_work(work)
        key = (small.recurrence, small.shape)
        if key not in self.expected:
            self.expected = {key: errors.reference_results(small)}  # one at a time is kept
        if (*key, small.subject) not in self.ratios:
            found = errors.error_ratios(small, self.expected[key])
            self.ratios[*key, small.subject] = {name: _round(each) for name, each in found.items()}
        return self.ratios[*key, small.subject]

    def _guard(self, row: Row, field: str, action: Callable[[], Any]) -> None:
        """Call the function; whatever it raises becomes the row's reason."""
        try:
            action()
        except Exception as error:  # a peer may raise anything, and so may a kernel's compiler
            lines = str(error).strip().splitlines() or [""]
            missing = isinstance(error, PeerMissingError)
            row[field] = lines[0] if missing else f"{type(error).__name__}: {lines[0]}"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def describe(work: Work, group: str) -> Row:
    """What a row says before anything is measured."""
    row: Row = {
        "group": group,
        "recurrence": work.recurrence,
        "subject": work.subject,
        "ours": work.ours,
        "exact": work.ours or bool(work.peer and work.peer.exact),
        "shape": list(work.shape),
        "action": work.action,
        "dtype": str(work.dtype).removeprefix("torch."),
        "flops": roofline.flops(work.rule, work.shape, work.action),
        "ideal_bytes": roofline.ideal_bytes(work),
    }
    if work.ours:
        small = work.rule.leaves(work.shape._replace(batch=1, time=1), work.dtype, work.device)
        row["backend"] = work.rule.chosen(small, work.subject.split()[1])
    elif work.peer is not None:
        row["backend"] = work.peer.backend
        if (note := work.peer.note(work.device)) is not None:
            row["note"] = note
    return row


def _round(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.4g}")
