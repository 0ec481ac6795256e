"""What a scan costs on a GPU that need not be there: counted from the compiled kernels.

Instructions, barriers and the bytes that programs move are read from the machine code, loops times
how often they run; the least bytes are each tensor's, once for reading and once for writing, as if
all programs shared them in L2. Only the time is a model's (`gpu_model.py`).
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from seqzoo.scan.triton.aot.compile import compiled_launch, usage, without_interpreter
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.aot.gpu_model import GPUS, resident, seconds
from seqzoo.scan.triton.aot.kernel_case import Case
from seqzoo.scan.triton.aot.loops import trips
from seqzoo.scan.triton.aot.machine_code import Counts, count, disassemble
from seqzoo.scan.triton.aot.scan_case import Decay, EraseKind, ScanCase
from seqzoo.scan.triton.aot.step_case import StepCase
from seqzoo.scan.triton.aot.traffic import reads_and_writes
from seqzoo.scan.triton.launch import Launch, record_launches

Pass = Literal["forward", "backward"]

CHUNK = 64
"""Tokens that figures are given for, whatever the kernels' own chunks are."""


@dataclass(frozen=True)
class Problem:
    """A kind of recurrence: decay, erase and rank."""

    decay: Decay
    erase: EraseKind
    rank: int = 1


PROBLEMS: Mapping[str, Problem] = {
    "linear": Problem("none", "none"),
    "decay": Problem("head", "none"),
    "gla": Problem("channel", "none"),
    "delta": Problem("none", "tied"),
    "gated-delta": Problem("head", "tied"),
    "kda": Problem("channel", "tied"),
    "prism-2": Problem("head", "tied", 2),
}


@dataclass(frozen=True)
class Shape:
    """(B, T, H, K, V)."""

    batch: int = 1
    time: int = 8192
    heads: int = 96
    key_size: int = 128
    value_size: int = 128

    @property
    def chunks(self) -> int:
        """Of CHUNK tokens, over all heads."""
        return self.batch * -(-self.time // CHUNK) * self.heads


@dataclass(frozen=True)
class KernelCost:
    """One kernel of one pass; counts are a chunk of 64 tokens and a head.

    Attributes:
        problem, target, kernel, config: what was compiled.
        direction: forward or backward.
        registers, spill_bytes: a thread.
        shared_bytes: a program.
        programs: how many there are.
        resident: programs that a multiprocessor holds.
        occupancy: share of its warps that are resident.
        instructions: that warps issue.
        matrix: those of the matrix unit among them.
        barriers: waits of a program for its warps.
        least_bytes: read and written if L2 were shared by all.
        moved_bytes: loaded and stored by programs.
        seconds: of the whole call, by the model.
    """

    problem: str
    target: str
    direction: Pass
    kernel: str
    config: str
    registers: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0
    programs: int = 0
    resident: int = 0
    occupancy: float = 0.0
    instructions: float = 0.0
    matrix: float = 0.0
    barriers: float = 0.0
    least_bytes: float = 0.0
    moved_bytes: float = 0.0
    seconds: float = 0.0
    opcodes: Mapping[str, float] = field(default_factory=dict, repr=False)


def costs(
    target: str,
    problem: str,
    shape: Shape | None = None,
    dtype: torch.dtype = torch.bfloat16,
    workers: int | None = None,
) -> list[KernelCost]:
    """Every kernel of a call's forward and backward pass, in the order in which they start.

    Args:
        target: an architecture of NVIDIA's that `gpu_model.GPUS` has numbers for.
        problem: a name of `PROBLEMS`.
        shape: of the call.
        dtype: of queries, keys and values.
        workers: processes that compile; None is as many as the process may use cores.

    Raises:
        ValueError: no such target or problem.
    """
    shape = Shape() if shape is None else shape
    if target not in GPUS:
        raise ValueError(f"costs are counted for {', '.join(GPUS)}, not {target!r}")
    if problem not in PROBLEMS:
        raise ValueError(f"no problem {problem!r}; there are {', '.join(PROBLEMS)}")
    workers = workers or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        with without_interpreter():  # processes start while tasks are handed in
            launches = pool.submit(_launches, target, problem, shape, dtype).result()
            pending = [
                pool.submit(launch_cost, launch, problem, direction, shape)
                for direction, launch in launches
            ]
        return [done.result() for done in pending]


def case_of(problem: str, shape: Shape, dtype: torch.dtype = torch.bfloat16) -> ScanCase:
    """The call that is counted."""
    kind = PROBLEMS[problem]
    return ScanCase(
        dtype,
        kind.decay,
        kind.erase,
        kind.rank,
        key_size=shape.key_size,
        value_size=shape.value_size,
        time=shape.time,
        batch=shape.batch,
        heads=shape.heads,
        with_state=False,
    )


def _launches(
    target: str, problem: str, shape: Shape, dtype: torch.dtype
) -> list[tuple[Pass, Launch]]:
    case = case_of(problem, shape, dtype)
    tensors = case.tensors(torch.device("meta"))
    with record_launches(target) as forward:
        case.forward(tensors)
    with record_launches(target) as backward:
        case.backward(tensors)
    return [*(("forward", launch) for launch in forward), *(("backward", x) for x in backward)]


def launch_cost(launch: Launch, problem: str, direction: Pass, shape: Shape) -> KernelCost:
    """What one launch of a call costs, compiled in this process.

    Raises:
        ValueError: a loop that cannot be counted.
    """
    compiled: Any = compiled_launch(launch)
    _, registers, spilled = usage(launch.target, compiled.asm)
    counts = counted(launch, disassemble(compiled.asm["cubin"]), shape)
    gpu, warps = GPUS[launch.target], launch.config.num_warps
    programs = 1
    for size in launch.grid:
        programs *= size
    held = resident(gpu, warps, registers, compiled.metadata.shared)
    sizes = dict(launch.sizes)
    read, written = reads_and_writes(compiled.asm["ttir"])
    least = sum(sizes[name] for name in read) + sum(sizes[name] for name in written)
    all_warps = programs * warps
    moved = (counts.loaded + counts.stored) * all_warps
    return KernelCost(
        problem,
        launch.target,
        direction,
        launch.name,
        str(launch.config),
        registers,
        spilled,
        compiled.metadata.shared,
        programs,
        held,
        held * warps / gpu.warps,
        counts.instructions * all_warps / shape.chunks,
        counts.matrix * all_warps / shape.chunks,
        counts.barriers * programs / shape.chunks,
        least / shape.chunks,
        moved / shape.chunks,
        seconds(
            gpu,
            instructions=counts.instructions * all_warps,
            least=least,
            moved=moved,
            warps=warps,
            held=held,
            grid=programs,
        ),
    )


def predicted_seconds(launch: Launch, case: Case) -> float:
    """What the model gives one launch of a case's.

    Raises:
        ValueError: a loop that cannot be counted.
    """
    scan = case.scan if isinstance(case, StepCase) else case
    time = scan.time if isinstance(scan, ScanCase | ElementwiseCase) else Shape.time
    return launch_cost(launch, "", "forward", Shape(time=time)).seconds


def counted(launch: Launch, code: Any, shape: Shape) -> Counts:
    """What a warp does in one program of a launch."""
    parameters = [name for name, _ in launch.signature]
    values: dict[str, Any] = dict(_MEANS)
    values |= {parameters[at[0]]: value for at, value in launch.constants}
    values |= dict(launch.numbers)
    values["ROWS"] = values.get("BLOCK_C", CHUNK)
    values["number"] = -(-shape.time // values.get("CHUNK", CHUNK))
    return count(code, lambda place: 1.0 if place is None else trips(*place, values))


_MEANS: Mapping[str, float] = {"BLOCK": 16, "levels": 0, "i_i": 1.5}
"""Numbers that a kernel finds itself: tokens that are summed at once, halvings of a chunk whose
decays are mild, and the mean place of fla's four blocks of a chunk."""


def total(rows: Sequence[KernelCost], direction: Pass | None = None) -> KernelCost:
    """The sum of a pass's kernels, or of both."""
    chosen = [row for row in rows if direction in (None, row.direction)]

    def sum_of(name: str) -> float:
        return sum(getattr(row, name) for row in chosen)

    return KernelCost(
        rows[0].problem,
        rows[0].target,
        "forward" if direction is None else direction,
        f"{len(chosen)} launches",
        "",
        instructions=sum_of("instructions"),
        matrix=sum_of("matrix"),
        barriers=sum_of("barriers"),
        least_bytes=sum_of("least_bytes"),
        moved_bytes=sum_of("moved_bytes"),
        seconds=sum_of("seconds"),
    )
