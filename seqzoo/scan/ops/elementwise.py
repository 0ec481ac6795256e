"""The element-wise scan as an operator: `seqzoo::elementwise_scan` and its backward."""

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
from seqzoo.scan.precision import full_precision
from seqzoo.scan.running import running_backward, running_forward


def elementwise_states(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """All h_t (B, T, ...) and the final state; all in one dtype, T and B not 0."""
    if torch.compiler.is_compiling():
        return torch.ops.seqzoo.elementwise_scan(log_decay, inputs, state, cu_seqlens)
    return _ElementwiseScan.apply(log_decay, inputs, state, cu_seqlens)  # type: ignore[return-value]


class _ElementwiseScan(torch.autograd.Function):
    """The entry for eager calls."""

    @staticmethod
    @signed
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        hidden, final = running_forward(log_decay, inputs, state, cu_seqlens)
        return hidden, final.clone()  # a view could not be changed in place

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        _keep(ctx, inputs, output)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_hidden: Tensor | None, of_final: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        given = (*ctx.saved_tensors, of_hidden, of_final)
        return *ElementwiseGradients.apply(_gradients, *given), None  # type: ignore[misc]

    jvp = staticmethod(refuse_elementwise_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_elementwise_vmap)  # pyright: ignore[reportAssignmentType]


def _gradients(log_decay: Tensor, hidden: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    """`running_backward`, which has the same arguments, outside of autocast."""
    with full_precision(hidden):
        return running_backward(log_decay, hidden, *rest)


@torch.library.custom_op(
    "seqzoo::elementwise_scan",
    mutates_args=(),
    schema="(Tensor log_decay, Tensor inputs, Tensor state, Tensor? cu_seqlens) "
    "-> (Tensor, Tensor)",
)
def _scan(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    with full_precision(inputs):
        hidden, final = running_forward(log_decay, inputs, state, cu_seqlens)
    return hidden.contiguous(), final.contiguous()


@torch.library.custom_op(
    "seqzoo::elementwise_scan_backward",
    mutates_args=(),
    schema="(Tensor? of_hidden, Tensor? of_final, Tensor log_decay, Tensor hidden, Tensor state, "
    "Tensor? cu_seqlens) -> (Tensor, Tensor, Tensor)",
)
def _scan_backward(
    of_hidden: Tensor | None,
    of_final: Tensor | None,
    log_decay: Tensor,
    hidden: Tensor,
    state: Tensor,
    cu_seqlens: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    gradients = _gradients(log_decay, hidden, state, cu_seqlens, of_hidden, of_final)
    of_log_decay, of_inputs, of_state = (gradient.contiguous() for gradient in gradients)
    return of_log_decay, of_inputs, of_state


@_scan.register_fake
def _(
    log_decay: Tensor, inputs: Tensor, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    return inputs.new_empty(inputs.shape), state.new_empty(state.shape)


@_scan_backward.register_fake
def _(
    of_hidden: Tensor | None,
    of_final: Tensor | None,
    log_decay: Tensor,
    hidden: Tensor,
    state: Tensor,
    cu_seqlens: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        hidden.new_empty(hidden.shape),
        hidden.new_empty(hidden.shape),
        state.new_empty(state.shape),
    )


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    """Saves log_decay, the h_t, the state and the bounds."""
    log_decay, _, state, cu_seqlens = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(log_decay, output[0], state, cu_seqlens)


def _backward(ctx: Any, of_hidden: Tensor | None, of_final: Tensor | None) -> tuple[Any, ...]:
    operator = torch.ops.seqzoo.elementwise_scan_backward
    return *operator(of_hidden, of_final, *ctx.saved_tensors), None


_scan.register_vmap(refuse_elementwise_vmap)
_scan.register_autograd(_backward, setup_context=_keep)
_scan_backward.register_vmap(refuse_elementwise_vmap)
_scan_backward.register_autograd(refuse_elementwise_second_derivative)
