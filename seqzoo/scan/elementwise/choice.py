"""Which backend computes an element-wise scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.errors import BackendError
from seqzoo.scan.triton.available import available
from seqzoo.scan.triton.verdict import set_aside, warn_once

__all__ = ["Choice", "chosen_backend"]


class Choice(NamedTuple):
    """`chunked`, `reference` or `triton`, and a sentence for each backend that was asked."""

    backend: str
    reasons: tuple[str, ...]


def chosen_backend(caller: str, backend: str, tensors: Sequence[Tensor | None]) -> Choice:
    """The backend that computes the problem.

    Args:
        caller: the function to name in errors.
        backend: a name, or "auto".
        tensors: all arguments, on one device.

    Raises:
        ValueError: there is no such backend.
        BackendError: the kernels were asked for and cannot compute it.
    """
    if backend in ("chunked", "reference"):
        return Choice(backend, (f"{backend}: used, it was asked for by name",))
    if backend not in ("auto", "triton"):
        raise ValueError(
            f"{caller}: no backend {backend!r}; there are auto, chunked, reference, triton"
        )
    refusal = _refusal(tensors)
    if backend == "triton":
        if refusal is not None:
            raise BackendError(
                f"{caller}: backend 'triton' cannot compute this problem: {refusal}. "
                'Use backend="auto" to take one that can.'
            )
        return Choice("triton", ("triton: used, it was asked for by name",))
    on_cpu = all(tensor is None or tensor.device.type == "cpu" for tensor in tensors)
    if refusal is None and not on_cpu:
        return Choice("triton", ("triton: used, it can compute the problem",))
    why = refusal or "in Triton's interpreter it is for tests"
    if not on_cpu:
        warn_once(why)
    return Choice("chunked", (f"triton: not used, {why}", "chunked: used, it comes next"))


def _refusal(tensors: Sequence[Tensor | None]) -> str | None:
    """Why the kernels cannot compute the problem; None if they can."""
    given = [tensor for tensor in tensors if tensor is not None]
    if any(tensor.dtype == torch.float64 for tensor in given):
        return "it computes in float32, and an argument is float64"
    device = given[0].device
    return available(device) or set_aside("elementwise", device)
