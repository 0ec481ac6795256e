"""The selective scan's autograd function. There is no operator: a graph holds `composed_scan`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqzoo.scan.ops.once import ElementwiseGradients
from seqzoo.scan.ops.refusals import refuse_elementwise_forward_mode, refuse_elementwise_vmap
from seqzoo.scan.ops.signed import signed
from seqzoo.scan.precision import full_precision
from seqzoo.scan.selective.decay import SelectiveDecay
from seqzoo.scan.selective.passes import Selective, selective_backward, selective_forward

__all__ = ["selective_states"]


def selective_states(
    decay: SelectiveDecay, inputs: Selective, state: Tensor, cu_seqlens: Tensor | None
) -> tuple[Tensor, Tensor]:
    """y (B, T, H, D) and the states after the last tokens; all in one dtype, T and B not 0."""
    keep = torch.is_grad_enabled() and any(each.requires_grad for each in (*inputs, state))
    outputs, final, _ = _SelectiveScan.apply(decay, keep, cu_seqlens, state, *inputs)  # type: ignore[misc]
    return outputs, final


class _SelectiveScan(torch.autograd.Function):
    """Besides its inputs it saves one of its outputs, as functorch requires."""

    @staticmethod
    @signed
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        decay: SelectiveDecay,
        keep: bool,
        cu_seqlens: Tensor | None,
        state: Tensor,
        *inputs: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        with full_precision(state):
            return selective_forward(decay, Selective(*inputs), state, cu_seqlens, keep)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.decay, _, cu_seqlens, state, *tensors = inputs
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(*tensors, state, output[2], cu_seqlens)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_outputs: Tensor | None, of_final: Tensor | None, _: None
    ) -> tuple[Tensor | None, ...]:
        decay = ctx.decay

        def gradients(
            of_outputs: Tensor | None, of_final: Tensor | None, *saved: Tensor
        ) -> tuple[Tensor, ...]:
            *tensors, state, kept, cu_seqlens = saved
            if of_final is None:
                of_final = torch.zeros_like(state)
            with full_precision(state):
                of_inputs, of_state = selective_backward(
                    decay, Selective(*tensors), kept, cu_seqlens, of_outputs, of_final
                )
            return of_state, *of_inputs

        given = (of_outputs, of_final, *ctx.saved_tensors)
        return None, None, None, *ElementwiseGradients.apply(gradients, *given)  # type: ignore[misc]

    jvp = staticmethod(refuse_elementwise_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_elementwise_vmap)  # pyright: ignore[reportAssignmentType]
