"""The forward pass: stages 1 to 6, tensors in, tensors out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.triton.kernels.channel_scores import channel_scores_kernel
from seqzoo.scan.triton.kernels.decay_sums import decay_sums_kernel
from seqzoo.scan.triton.kernels.head_scores import head_scores_kernel
from seqzoo.scan.triton.kernels.inverse import block_inverse_kernel, merge_inverse_kernel
from seqzoo.scan.triton.kernels.outputs import outputs_kernel
from seqzoo.scan.triton.kernels.removals import erase_reads_kernel, erase_values_kernel
from seqzoo.scan.triton.kernels.state_pass import carry_kernel
from seqzoo.scan.triton.setting import BLOCK, Setting


class Chunks(NamedTuple):
    """What the stages before the outputs know of every chunk.

    Attributes:
        from_start: G_i, (B, T, H) or (B, T, H, K) float32, None without a decay.
        to_end: E_i, the same.
        scores: A_l, (chunks, H, Q, C, C).
        erased: N_l, the same, None without an erase.
        inverse: L, (chunks, H, C, C) float32, or None.
        reads: X, (chunks, H, C, K), or None.
        solved: V_0, (chunks, H, C, V), or None.
        states: before each chunk, (chunks, H, K, V).
        final: (N, H, V, K) float32.
    """

    from_start: Tensor | None
    to_end: Tensor | None
    scores: Tensor
    erased: Tensor | None
    inverse: Tensor | None
    reads: Tensor | None
    solved: Tensor | None
    states: Tensor
    final: Tensor


def run_forward(setting: Setting, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Outputs (B, T, H, V) in the queries' dtype and the final state (N, H, V, K) float32.

    Args:
        setting: the problem; at least one token.
        state: (N, H, V, K) float32; None is zero.
    """
    chunks = run_to_states(setting, state)
    outputs = torch.empty_like(setting.values[:, :, 0])
    setting.launch(
        outputs_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        from_start=chunks.from_start,
        scores=chunks.scores,
        solved=chunks.solved,
        states=chunks.states,
        outputs=outputs,
    )
    return outputs, chunks.final


def run_to_states(setting: Setting, state: Tensor | None) -> Chunks:
    """Stages 1 to 5; the backward pass runs them again."""
    from_start, to_end = _decay_sums(setting)
    scores, erased, system = _scores(setting)
    inverse = reads = solved = None
    if system is not None:
        inverse = _inverse(setting, system)
        reads = _erase_reads(setting, from_start, inverse)
        solved = _erase_values(setting, erased, inverse)
    states = setting.empty(setting.key_size, setting.value_size)
    shape = (setting.num_sequences, setting.heads, setting.value_size, setting.key_size)
    final = setting.queries.new_empty(shape, dtype=torch.float32)
    setting.launch(
        carry_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        chunks=setting.num_sequences,
        from_start=from_start,
        to_end=to_end,
        reads=reads,
        solved=solved,
        initial=None if state is None else state.contiguous(),
        states=states,
        final=final,
    )
    return Chunks(from_start, to_end, scores, erased, inverse, reads, solved, states, final)


def _decay_sums(setting: Setting) -> tuple[Tensor | None, Tensor | None]:
    """Stage 1."""
    log_decay = setting.log_decay
    if log_decay is None:
        return None, None
    from_start = torch.empty_like(log_decay, dtype=torch.float32)
    to_end = torch.empty_like(from_start)
    setting.launch_columns(
        decay_sums_kernel,
        log_decay=log_decay,
        from_start=from_start,
        to_end=to_end,
    )
    return from_start, to_end


def _scores(setting: Setting) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Stage 2."""
    scores = setting.squares(setting.streams)
    erased = system = None
    if setting.erases:
        erased = setting.squares(setting.streams)
        system = setting.squares(dtype=torch.float32)
    by_channel = setting.kind == 2
    blocks = setting.chunk // BLOCK if by_channel else 1
    setting.launch(
        channel_scores_kernel if by_channel else head_scores_kernel,
        programs=setting.streams * blocks,
        scores=scores,
        erased=scores if erased is None else erased,
        system=scores if system is None else system,
    )
    return scores, erased, system


def _inverse(setting: Setting, system: Tensor) -> Tensor:
    """Stage 3."""
    inverse = torch.empty_like(system)
    programs = setting.chunk // BLOCK
    setting.launch(block_inverse_kernel, programs=programs, system=system, inverse=inverse)
    if programs > 1:
        setting.launch(merge_inverse_kernel, system=system, inverse=inverse)
    return inverse


def _erase_reads(setting: Setting, from_start: Tensor | None, inverse: Tensor) -> Tensor:
    """Stage 4, X."""
    reads = setting.empty(setting.chunk, setting.key_size)
    setting.launch(
        erase_reads_kernel,
        columns=(setting.key_size, "BLOCK_K"),
        from_start=from_start,
        inverse=inverse,
        reads=reads,
    )
    return reads


def _erase_values(setting: Setting, erased: Tensor | None, inverse: Tensor) -> Tensor:
    """Stage 4, Y."""
    solved = setting.empty(setting.chunk, setting.value_size)
    setting.launch(
        erase_values_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        erased=erased,
        inverse=inverse,
        solved=solved,
    )
    return solved
