"""Measure the costs of mixers, phase by phase and length by length.

For each phase and length all mixers take turns, each with its scan and its projections alone, so
that a changing load on the machine affects all alike.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from seqzoo.bench.memory import peak_on_gpu
from seqzoo.bench.own_process import peak_in_own_process
from seqzoo.bench.subject import Subject
from seqzoo.bench.timing import Timing, on_gpu, take_turns
from seqzoo.bench.work import Phase, Prepared, Setting, prepare
from seqzoo.train.facts import describe_device, installed_versions

__all__ = ["Extent", "Row", "describe_run", "measured_rows"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Extent:
    """What to measure, and for how long.

    Attributes:
        phases: in this order.
        lengths: T, in this order.
        seconds: how long to take turns for one phase and length.
        rounds: the least number of turns.
        with_memory: whether peak memory is measured, of training and prefill.
    """

    phases: tuple[Phase, ...]
    lengths: tuple[int, ...]
    seconds: float
    rounds: int
    with_memory: bool


def describe_run(setting: Setting) -> dict[str, Any]:
    """Machine, versions, date, and how busy the machine is."""
    versions = installed_versions().model_dump()
    return {
        "device": describe_device(setting.device).model_dump(),
        "cores": os.cpu_count(),
        "versions": versions,
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "load_average": [round(each, 2) for each in os.getloadavg()]
        if hasattr(os, "getloadavg")
        else None,
        "batch": setting.batch,
        "precision": setting.precision,
    }


def measured_rows(
    subjects: list[Subject], setting: Setting, extent: Extent, progress: Callable[[str], None]
) -> Iterator[list[Row]]:
    """Yield the rows of each phase and length in turn, one row per mixer.

    A mixer that fails leaves its reason in `skipped` or `memory_skipped`; the others go on.
    """
    for phase in extent.phases:
        for length in extent.lengths:
            progress(f"{phase}, {length:,} tokens")
            yield _group(subjects, phase, length, setting, extent)


def _group(
    subjects: list[Subject], phase: Phase, length: int, setting: Setting, extent: Extent
) -> list[Row]:
    rows = {subject: _empty_row(subject, phase, length) for subject in subjects}
    ready: dict[Subject, Prepared] = {}
    for subject, row in rows.items():

        def lay_out(subject: Subject = subject) -> None:
            mixer = subject.build(setting.device)
            rows[subject]["parameters"] = sum(each.numel() for each in mixer.parameters())
            ready[subject] = prepare(mixer, phase, length, setting)

        _guarded(row, "skipped", lay_out)
    functions = {
        (subject, name): function
        for subject, prepared in ready.items()
        for name, function in _functions(prepared).items()
    }
    times = _timed(functions, setting, extent)
    for subject, prepared in ready.items():
        own = {name: timing for (other, name), timing in times.items() if other is subject}
        rows[subject] |= _figures(own, prepared, phase, length, setting)
        if extent.with_memory and phase is not Phase.DECODE:
            row = rows[subject]
            _guarded(
                row,
                "memory_skipped",
                lambda row=row, subject=subject, prepared=prepared: row.update(
                    peak_bytes=_peak(subject, prepared, phase, length, setting)
                ),
            )
    return list(rows.values())


def _empty_row(subject: Subject, phase: Phase, length: int) -> Row:
    return {
        "mixer": subject.name,
        "width": subject.width,
        "phase": str(phase),
        "length": length,
    }


def _functions(prepared: Prepared) -> dict[str, Callable[[], Any]]:
    scan = {} if prepared.scan is None else {"scan": prepared.scan}
    return {"whole": prepared.whole, **scan, "projections": prepared.projections}


def _timed(functions: dict, setting: Setting, extent: Extent) -> dict[Any, Timing]:
    if not functions:
        return {}
    if setting.device.type == "cuda":
        milliseconds = max(1, round(1e3 * extent.seconds / len(functions)))
        return {key: on_gpu(function, milliseconds) for key, function in functions.items()}
    return take_turns(functions, extent.seconds, extent.rounds, warm=1)


def _figures(
    times: dict[str, Timing], prepared: Prepared, phase: Phase, length: int, setting: Setting
) -> Row:
    whole = times["whole"]
    tokens = setting.batch * (1 if phase is Phase.DECODE else length)
    projections = times["projections"].median_ms
    scan = times["scan"].median_ms if "scan" in times else None
    return {
        "ms": _rounded(whole.median_ms),
        "ms_p20": _rounded(whole.p20_ms),
        "ms_p80": _rounded(whole.p80_ms),
        "calls": whole.calls,
        "tokens_per_s": _rounded(1e3 * tokens / whole.median_ms),
        "scan_ms": None if scan is None else _rounded(scan),
        "projections_ms": _rounded(projections),
        "over_floor": None if scan is None else _rounded(whole.median_ms / (scan + projections)),
        "state_bytes": prepared.state_bytes,
        "scan_backends": [each._asdict() for each in prepared.used],
    }


def _peak(subject: Subject, prepared: Prepared, phase: Phase, length: int, setting: Setting) -> int:
    if setting.device.type == "cuda":
        return peak_on_gpu(prepared.whole, setting.device)
    return peak_in_own_process(subject, phase, length, setting)


def _guarded(row: Row, field: str, action: Callable[[], Any]) -> None:
    """Call the function; whatever it raises becomes the row's reason."""
    try:
        action()
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        row[field] = f"{type(error).__name__}: {first}"
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
