"""The architecture for which a kernel is compiled, and its properties.

An architecture is named as the compilers name it: sm_90 for NVIDIA's, gfx942 for AMD's. It is that
of the device a tensor lies on, or what `architecture_is` says while launches are recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

INTERPRETER = "interpreter"
"""Stands for an architecture where kernels run on CPU tensors."""

SHARED_KIB = {
    "sm_80": 163,
    "sm_86": 99,
    "sm_87": 163,
    "sm_89": 99,
    "sm_90": 227,
    "sm_100": 227,
    "sm_103": 227,
    "sm_120": 99,
    "gfx90a": 64,
    "gfx942": 64,
    "gfx950": 160,
}
"""Shared memory a program may take, KiB (CUDA C++ programming guide, technical specifications by
compute capability; AMD instruction set references: local data share a work-group)."""

LIKE = {"sm_86": "sm_80", "sm_89": "sm_80", "sm_120": "sm_80"}
"""Whose configurations an architecture takes that has none of its own: Triton multiplies by the
same instructions there, with operands in registers."""

_override: str | None = None


def architecture_of(device: torch.device) -> str:
    """The architecture of a device; `interpreter` where kernels are interpreted."""
    if _override is not None:
        return _override
    if device.type != "cuda":
        return INTERPRETER
    return _architecture_of_gpu(
        torch.cuda.current_device() if device.index is None else device.index
    )


@contextmanager
def architecture_is(name: str) -> Iterator[None]:
    """Inside, every device's architecture is `name`. Of the process, not of the thread: it serves
    recording, which runs nothing beside it."""
    global _override
    before, _override = _override, name
    try:
        yield
    finally:
        _override = before


def check_architecture(name: str) -> str:
    """`name` itself.

    Raises:
        ValueError: not an architecture known here.
    """
    if name not in SHARED_KIB:
        known = ", ".join(SHARED_KIB)
        raise ValueError(f"no target {name!r}; there are {known}")
    return name


def capability(name: str) -> int | None:
    """90 for sm_90; None for AMD's."""
    match = re.fullmatch(r"sm_(\d+)", name)
    return int(match[1]) if match else None


@cache
def _architecture_of_gpu(index: int) -> str:
    if torch.version.hip is not None:
        return torch.cuda.get_device_properties(index).gcnArchName.partition(":")[0]
    major, minor = torch.cuda.get_device_capability(index)
    return f"sm_{major}{minor}"
