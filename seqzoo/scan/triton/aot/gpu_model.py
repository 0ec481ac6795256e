"""A GPU in a few numbers, and the time that a kernel's counts should take on it.

    time = max(bytes / MEMORY, bytes through L2 / CACHE, warp instructions / rate) and LAUNCH
    rate = multiprocessors x clock x min(4, resident warps / LATENCY)

A multiprocessor issues at most 4 instructions a cycle, and a warp one in LATENCY cycles. The model
reproduces published times of other libraries' kernels on an H100 to a few percent where memory or
instructions bind, and says nothing where the host does; read it to 40 percent.
"""

from __future__ import annotations

from dataclasses import dataclass

LATENCY = 7.0
"""Cycles between two instructions of one warp, a mean."""

ISSUE = 4.0
"""Instructions a cycle and multiprocessor, at most."""

LAUNCH = 3e-6
"""Seconds a kernel takes at least."""


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Args:
        name: its product name.
        multiprocessors: their number.
        clock: Hz under load.
        memory: bytes a second from its memory that kernels reach.
        cache: bytes a second from its L2 that kernels reach.
        warps: the most warps resident on a multiprocessor.
        programs: the most programs resident on it.
        shared: bytes of shared memory a multiprocessor.
    """

    name: str
    multiprocessors: int
    clock: float
    memory: float
    cache: float
    warps: int
    programs: int
    shared: int


GPUS = {
    "sm_80": Gpu("A100 SXM 80GB", 108, 1.41e9, 1.8e12, 4.0e12, 64, 32, 167936),
    "sm_86": Gpu("RTX A6000", 84, 1.80e9, 0.70e12, 2.5e12, 48, 16, 102400),
    "sm_89": Gpu("L40S", 142, 2.2e9, 0.78e12, 4.0e12, 48, 24, 102400),
    "sm_90": Gpu("H100 SXM", 132, 1.70e9, 3.0e12, 5.5e12, 64, 32, 233472),
    "sm_100": Gpu("B200", 148, 1.80e9, 7.0e12, 10e12, 64, 32, 233472),
    "sm_120": Gpu("RTX PRO 6000", 188, 2.3e9, 1.6e12, 6.0e12, 48, 24, 102400),
}
"""By architecture; vendors' data sheets, memory at about 90 percent of its peak, L2 at 70."""

REGISTERS = 65536
"""Registers of a multiprocessor, which gives them to a warp 256 at a time."""

RESERVED = 1024
"""Bytes of shared memory that each program takes beside its own."""


def resident(gpu: Gpu, warps: int, registers: int, shared: int) -> int:
    """Programs of `warps` warps that a multiprocessor holds at once."""
    a_warp = -(-registers * 32 // 256) * 256
    limits = (
        gpu.programs,
        gpu.warps // warps,
        REGISTERS // (a_warp * warps) if registers else gpu.programs,
        gpu.shared // (shared + RESERVED),
    )
    return min(limits)


def seconds(
    gpu: Gpu, *, instructions: float, least: float, moved: float, warps: int, held: int, grid: int
) -> float:
    """What a kernel should take.

    Args:
        gpu: where.
        instructions: of all warps together.
        least: bytes if each is moved once.
        moved: bytes that programs load and store.
        warps: a program.
        held: programs resident on a multiprocessor, by `resident`.
        grid: programs.
    """
    busy = min(gpu.multiprocessors, grid)
    a_multiprocessor = min(held, grid / busy) * warps
    rate = busy * gpu.clock * min(ISSUE, a_multiprocessor / LATENCY)
    return max(LAUNCH, least / gpu.memory, moved / gpu.cache, instructions / rate)
