"""The element-wise scan h_t = exp(g_t) * h_{t-1} + b_t (Mamba-1, minGRU, HGRN, diagonal S5).

Cut into about sqrt(T) chunks of sqrt(T) tokens: first every chunk runs from zero, all chunks side
by side; then one pass carries the state from chunk to chunk; then each token adds what the carried
state left. About 2 sqrt(T) steps in place of T, linear in T in work and memory, and only ever
products of decays <= 1, so no decay is too strong. That is the torch path, `chunked`; on a GPU the
same three passes are kernels, `triton`. `reference` is the loop over all tokens.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqzoo.scan.elementwise.check import check_elementwise
from seqzoo.scan.elementwise.choice import chosen_backend
from seqzoo.scan.elementwise.reference import elementwise_loop
from seqzoo.scan.ops.elementwise import elementwise_states
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.used import note

__all__ = ["elementwise_scan"]

OPERATION = "elementwise scan"  # as records and `seqzoo describe` name it

States = Callable[[Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""log_decay, inputs, state, cu_seqlens -> all h_t and the final state; one dtype, not empty."""


def elementwise_scan(
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    *,
    backend: str = "auto",
) -> ScanResult:
    """All h_t of h_t = exp(log_decay_t) * h_{t-1} + inputs_t, in parallel over chunks.

    Args:
        log_decay: g <= 0, (B, T, ...), broadcastable to the inputs; -inf forgets all.
        inputs: b, (B, T, ...), any trailing shape, none included.
        state: h_0, (B, ...), or (N, ...) with cu_seqlens; float32 or wider. None is zero.
        cu_seqlens: (N + 1,) integer, the bounds of N sequences packed along time, with B = 1.
        backend: "reference" (token loop), "chunked", "triton", or "auto": triton on a GPU where it
            can compute the problem, else chunked.

    Returns:
        outputs (B, T, ...) in the inputs' dtype, and the state after the last token, in the
        widest dtype among the arguments, at least float32.

    Raises:
        ValueError: a shape, dtype or bound is wrong, or there is no such backend, or it cannot
            compute the problem.
    """
    num_sequences = check_elementwise("elementwise_scan", log_decay, inputs, state, cu_seqlens)
    name, reasons = chosen_backend("elementwise_scan", backend, (log_decay, inputs, state))
    note(OPERATION, name, reasons)
    if name == "triton":
        from seqzoo.scan.triton.elementwise_op import elementwise_triton

        return elementwise_triton(log_decay, inputs, state, cu_seqlens, num_sequences)
    states = elementwise_loop if name == "reference" else elementwise_states
    return _torch(states, log_decay, inputs, state, cu_seqlens, num_sequences)


def _torch(
    states: States,
    log_decay: Tensor,
    inputs: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
    num_sequences: int,
) -> ScanResult:
    """`elementwise_scan` of checked arguments in torch, on any device, by `states`."""
    dtype = torch.promote_types(torch.promote_types(inputs.dtype, log_decay.dtype), torch.float32)
    if state is None:
        state = inputs.new_zeros(num_sequences, *inputs.shape[2:], dtype=dtype)
    dtype = torch.promote_types(dtype, state.dtype)
    state = state.to(dtype)
    if inputs.numel() == 0:
        return ScanResult(torch.zeros_like(inputs), state)
    log_decay = log_decay.to(dtype).expand_as(inputs)
    hidden, final = states(log_decay, inputs.to(dtype), state, cu_seqlens)
    return ScanResult(hidden.to(inputs.dtype), final)
