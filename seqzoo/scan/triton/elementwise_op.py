"""The element-wise scan's kernels as custom operators: compiled graphs hold each as one node."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqzoo.scan.ops.once import ElementwiseGradients
from seqzoo.scan.ops.refusals import (
    refuse_elementwise_forward_mode,
    refuse_elementwise_second_derivative,
    refuse_elementwise_vmap,
)
from seqzoo.scan.ops.signed import signed
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.triton.elementwise_run import (
    CHUNK,
    elementwise_backward,
    elementwise_forward,
)


def elementwise_triton(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
    num_sequences: int,
) -> ScanResult:
    """The checked arguments of `elementwise_scan` by the kernels.

    A broadcast log decay stays a view as far as its strides allow; autograd sums its gradient.
    """
    batch, time, *trailing = inputs.shape
    dtype = torch.float32
    if state is not None:
        state = state.reshape(num_sequences, -1).to(dtype)
    if inputs.numel() == 0:
        size = (num_sequences, *trailing)
        final = inputs.new_zeros(size, dtype=dtype) if state is None else state.reshape(size)
        return ScanResult(torch.zeros_like(inputs), final)
    flat = (batch, time, -1)
    log_decay = log_decay.expand_as(inputs).reshape(flat)
    enter = _forward_op if torch.compiler.is_compiling() else _ElementwiseScan.apply
    outputs, final, _ = enter(log_decay, inputs.reshape(flat), state, cu_seqlens)  # type: ignore[misc]
    return ScanResult(outputs.reshape(inputs.shape), final.reshape(num_sequences, *trailing))


class _ElementwiseScan(torch.autograd.Function):
    """The entry for eager calls."""

    @staticmethod
    @signed
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        return _forward_op(log_decay, inputs, state, cu_seqlens)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(output[2])
        _keep(ctx, inputs, output)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_outputs: Tensor, of_final: Tensor, _: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        given = (*ctx.saved_tensors, of_outputs, of_final)
        of_log_decay, of_values, of_state = ElementwiseGradients.apply(_backward_op, *given)  # type: ignore[misc]
        return of_log_decay, of_values, of_state if ctx.has_state else None, None

    jvp = staticmethod(refuse_elementwise_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_elementwise_vmap)  # pyright: ignore[reportAssignmentType]


@torch.library.custom_op("seqzoo::elementwise_scan_triton", mutates_args=())
def _forward_op(
    log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    return elementwise_forward(log_decay, inputs, state, cu_seqlens)


@_forward_op.register_fake
def _(
    log_decay: Tensor, inputs: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    batch, time, size = inputs.shape
    sequences, chunks = batch, batch * ((time + CHUNK - 1) // CHUNK)
    if cu_seqlens is not None:
        sequences = cu_seqlens.shape[0] - 1
        chunks = time // CHUNK + sequences
    return (
        inputs.new_empty(inputs.shape),
        inputs.new_empty((sequences, size), dtype=torch.float32),
        inputs.new_empty((chunks, size), dtype=torch.float32),
    )


@torch.library.custom_op("seqzoo::elementwise_scan_triton_backward", mutates_args=())
def _backward_op(
    log_decay: Tensor,
    inputs: Tensor,
    cu_seqlens: Tensor | None,
    states: Tensor,
    of_outputs: Tensor,
    of_final: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return elementwise_backward(log_decay, inputs, cu_seqlens, states, of_outputs, of_final)


@_backward_op.register_fake
def _(
    log_decay: Tensor,
    inputs: Tensor,
    cu_seqlens: Tensor | None,
    states: Tensor,
    of_outputs: Tensor,
    of_final: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        inputs.new_empty(inputs.shape, dtype=log_decay.dtype),
        inputs.new_empty(inputs.shape),
        of_final.new_empty(of_final.shape),
    )


def _keep(ctx: Any, inputs: tuple[Tensor | None, ...], output: tuple[Tensor, ...]) -> None:
    log_decay, values, state, cu_seqlens = inputs
    ctx.save_for_backward(log_decay, values, cu_seqlens, output[2])
    ctx.has_state = state is not None


def _backward(ctx: Any, of_outputs: Tensor, of_final: Tensor, _: Tensor | None) -> Any:
    log_decay, values, cu_seqlens, states = ctx.saved_tensors
    of_log_decay, of_values, of_state = _backward_op(
        log_decay, values, cu_seqlens, states, of_outputs, of_final
    )
    return of_log_decay, of_values, of_state if ctx.has_state else None, None


_forward_op.register_autograd(_backward, setup_context=_keep)
_forward_op.register_vmap(refuse_elementwise_vmap)
_backward_op.register_vmap(refuse_elementwise_vmap)
_backward_op.register_autograd(refuse_elementwise_second_derivative)
