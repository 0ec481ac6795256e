"""Whether Triton can run on a device, or why not."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])

OLDEST_CAPABILITY = (8, 0)
"""Ampere: the oldest NVIDIA architecture the kernels are compiled for."""


def same_when_compiled(function: F) -> F:
    """What torch.compiler.assume_constant_result does, and would import the compiler for: 4 s."""
    function.__dict__["_dynamo_marked_constant"] = True
    return function


@same_when_compiled
def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on tensors of any device. Triton settles it when
    it is imported, by TRITON_INTERPRET=1 in the environment."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def available(device: torch.device) -> str | None:
    """None if kernels can run on tensors of the device, else the reason, a sentence's end.

    CPU tensors only in the interpreter, which is for tests: slow, and so never for "auto".
    """
    return _constant(device.type, device.index)


@same_when_compiled
def _constant(kind: str, index: int | None) -> str | None:
    return _available(kind, index)  # a compiler warns of a cache it sees


@cache
def _available(kind: str, index: int | None) -> str | None:
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if interpreting():
        return _interpreter_refusal() if kind in ("cpu", "cuda") else f"not on {kind} tensors"
    if kind == "cpu":
        return "Triton compiles for GPUs and the tensors are on the CPU"
    if kind != "cuda":
        return f"Triton runs on CUDA and ROCm devices, and the tensors are on {kind}"
    return _gpu_refusal(0 if index is None else index)


def _interpreter_refusal() -> str | None:
    import triton.language as tl
    from triton.runtime.jit import JITFunction

    if isinstance(tl.sum, JITFunction):
        return (
            "TRITON_INTERPRET was set after triton had been imported: set it before Python starts"
        )
    return None


def _gpu_refusal(index: int) -> str | None:
    if torch.version.hip is None and torch.cuda.get_device_capability(index) < OLDEST_CAPABILITY:
        major, minor = torch.cuda.get_device_capability(index)
        return f"the GPU has compute capability {major}.{minor}, and the kernels need 8.0 or newer"
    try:
        from triton.runtime import driver

        driver.active.get_current_target()
    except Exception as error:  # whatever a driver that does not load raises
        return f"Triton finds no working driver ({error})"
    return None
