"""`seqzoo kernels --tune`: the search on this machine's GPU, reported as it goes."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqzoo.errors import RunError, SpecError, counted
from seqzoo.escape import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from seqzoo.scan.triton.tuning.search import Timer, Tuned

__all__ = ["TOP", "tune_kernels"]

TOP = 12
"""The number of searches per command, unless asked otherwise."""


def tune_kernels(
    kernel: str | None,
    out: Path | None,
    minutes: float | None,
    top: int = TOP,
    *,
    as_json: bool,
) -> None:
    """Tune the kernels and sizes of the catalogue that the model predicts to be slowest.

    Args:
        kernel: only the one of this name.
        out: the table to write; None is the user's own.
        top: how many searches, including those finished earlier.
        minutes: the time after which a search stops; what it has found by then is kept.
        as_json: print one row per search, and nothing else on standard output.

    Raises:
        SpecError: no such kernel, or the file is no table.
        RunError: no GPU, or a candidate made it unusable.
    """
    device = _gpu()
    from seqzoo.scan.triton.aot import catalogue
    from seqzoo.scan.triton.architecture import architecture_of
    from seqzoo.scan.triton.configs import kernel_named, user_table
    from seqzoo.scan.triton.tuning.order import by_predicted_time
    from seqzoo.scan.triton.tuning.search import GpuLostError, Tuner
    from seqzoo.scan.triton.tuning.tuned_table import TunedTable
    from seqzoo.scan.triton.tuning.tuning_problem import tuning_problems

    say = (lambda _: None) if as_json else print
    path = out or user_table()
    try:
        kernel = None if kernel is None else kernel_named(kernel)
        table = TunedTable(path)
        problems = tuning_problems(catalogue.CASES, device)
    except ValueError as error:
        raise SpecError(f"kernels --tune: {error}") from None
    asked = [problem for problem in problems if kernel in (None, problem.kernel)]
    architecture = architecture_of(device)
    if len(asked) > top:
        known = len(asked)
        asked = by_predicted_time(asked, architecture)[:top]
        say(f"the {top} of {known} searches that take the most time by the model (--top)")
    left = [p for p in asked if not table.is_done(p.kernel, architecture, p.size)]
    say(f"{counted(len(left), 'search', 'searches')} for {architecture}, into {path}")
    if len(left) < len(asked):
        say(f"{len(asked) - len(left)} were finished earlier; remove {table.done_path} to repeat")
    deadline = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    tuner = Tuner(device, _timer(), table, say, deadline)
    found: list[Tuned] = []
    lost: str | None = None
    for problem in left:
        if time.monotonic() >= deadline:
            break
        try:
            found.append(tuner.tune(problem))
        except GpuLostError as error:
            lost = str(error)
            break
        say(_line(found[-1]))
    finished = sum(tuned.finished for tuned in found)
    if as_json:
        print(json_text([_row(tuned) for tuned in found]))
    if lost is not None:
        raise RunError(f"kernels --tune: {lost}")
    if finished < len(left):
        say(
            f"left: {counted(len(left) - finished, 'search', 'searches')}; the same command goes on"
        )
    if out is not None and out != user_table():
        say(f"it is used where SEQZOO_KERNEL_TABLE={out}")


def _gpu() -> torch.device:
    import torch

    from seqzoo.scan.triton.available import available

    if not torch.cuda.is_available():
        raise RunError(
            "kernels --tune: no GPU: torch sees none here; run it on the machine whose GPU the "
            "table is for (seqzoo kernels --target sm_90 compiles without one)"
        )
    device = torch.device("cuda", torch.cuda.current_device())
    refusal = available(device)
    if refusal is not None:
        raise RunError(f"kernels --tune: kernels cannot run here: {refusal}; see seqzoo doctor")
    return device


def _timer() -> Timer:
    from triton.testing import do_bench

    def timer(start: Callable[[], None]) -> float:
        milliseconds: Any = do_bench(start, warmup=10, rep=50, return_mode="median")
        return milliseconds

    return timer


def _line(tuned: Tuned) -> str:
    what = f"{tuned.kernel} at {tuned.size}: {tuned.tried} tried"
    if tuned.after == tuned.before:
        return f"{what}, none faster than {tuned.before} ({tuned.ms_before:.4f} ms)"
    return f"{what}, {tuned.after}: {tuned.ms_before:.4f} -> {tuned.ms_after:.4f} ms"


def _row(tuned: Tuned) -> dict[str, Any]:
    finite = {
        name: None if value == float("inf") else value
        for name, value in (("ms_before", tuned.ms_before), ("ms_after", tuned.ms_after))
    }
    size = {"size": tuned.size.elements, "bits": tuned.size.bits}
    return asdict(tuned) | size | finite
