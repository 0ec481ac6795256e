"""What a kernel is tuned on: the catalogue's cases that start it at one size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch

from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.aot.kernel_case import Case
from seqzoo.scan.triton.aot.scan_case import ScanCase
from seqzoo.scan.triton.aot.step_case import StepCase
from seqzoo.scan.triton.architecture import architecture_is, architecture_of
from seqzoo.scan.triton.configs import HeadSize, note_sizes
from seqzoo.scan.triton.launch import watch_launches

LARGE = 256 * 2**20
"""Bytes of inputs that are timed: twice the largest L2 of `gpu_model.GPUS`."""


@dataclass(frozen=True)
class TuningProblem:
    """A kernel at one size, which one row of the table serves.

    Args:
        kernel: its name.
        size: as `config_for` takes it.
        cases: all that start it so; a candidate must be right on each.
    """

    kernel: str
    size: HeadSize
    cases: tuple[Case, ...]

    @property
    def timed(self) -> tuple[Case, ...]:
        """The first case of each dtype: what a candidate is timed on."""
        first: dict[torch.dtype, Case] = {}
        for case in self.cases:
            first.setdefault(case.dtype, case)
        return tuple(first.values())


def tuning_problems(cases: Iterable[Case], device: torch.device) -> list[TuningProblem]:
    """Every kernel and size that the cases meet on a device; nothing is run."""
    met: dict[tuple[str, HeadSize], list[Case]] = {}

    def start_nothing(name: str, start: Callable[[], None]) -> None:
        pass

    with architecture_is(architecture_of(device)), watch_launches(start_nothing):
        for case in cases:
            with note_sizes() as asked:
                case.run(case.tensors(torch.device("meta")))
            for key in asked:
                met.setdefault(key, []).append(case)
    return [TuningProblem(*key, tuple(of_key)) for key, of_key in met.items()]


def enlarged(case: Case) -> Case:
    """A case whose inputs no L2 holds, and nothing else changed: more heads, tokens or rows."""
    if isinstance(case, ScanCase):
        base = replace(case, time=2000)
        return replace(base, heads=case.heads * _times(base))
    if isinstance(case, ElementwiseCase):
        base = replace(case, time=16000)
        return replace(base, time=base.time * _times(base))
    if isinstance(case, StepCase):
        base = StepCase(replace(case.scan, time=1, batch=64, heads=8 * case.scan.heads))
        return StepCase(replace(base.scan, batch=base.scan.batch * _times(base)))
    return case


def _times(case: Case) -> int:
    """How often a case's inputs make LARGE."""
    tensors = case.tensors(torch.device("meta")).values()
    return max(1, -(-LARGE // sum(x.numel() * x.element_size() for x in tensors)))
