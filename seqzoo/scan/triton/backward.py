"""The backward pass: the stages' gradients in reverse, from the inputs alone.

Stages 1 to 5 run again, so that nothing but inputs waits in memory between the passes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.rows import ScanTensors
from seqzoo.scan.triton.forward import Chunks, run_to_states
from seqzoo.scan.triton.kernels.channel_key_gradients import channel_key_gradients_kernel
from seqzoo.scan.triton.kernels.channel_read_gradients import channel_read_gradients_kernel
from seqzoo.scan.triton.kernels.decay_sums import decay_sums_back_kernel
from seqzoo.scan.triton.kernels.head_key_gradients import head_key_gradients_kernel
from seqzoo.scan.triton.kernels.head_read_gradients import head_read_gradients_kernel
from seqzoo.scan.triton.kernels.score_gradients import score_gradients_kernel
from seqzoo.scan.triton.kernels.state_pass import carry_back_kernel
from seqzoo.scan.triton.kernels.value_gradients import value_gradients_kernel
from seqzoo.scan.triton.setting import BLOCK, Setting


def run_backward(
    setting: Setting,
    tensors: ScanTensors,
    state: Tensor | None,
    of_outputs: Tensor,
    of_final: Tensor,
) -> tuple[ScanTensors, Tensor]:
    """The gradients of the tensors, in their dtypes, and of the state before the first token.

    Args:
        setting: of the tensors.
        tensors: as given to it.
        state: (N, H, V, K) float32; None is zero.
        of_outputs: (B, T, H, V).
        of_final: (N, H, V, K) float32.
    """
    of_outputs = of_outputs.to(setting.dtype).contiguous()
    chunks = run_to_states(setting, state)
    of_states, of_solved, of_initial = _carry_back(setting, chunks, of_outputs, of_final)
    of_values, of_strengths = _values_back(setting, chunks, of_outputs, of_states, of_solved)
    _scores_back(setting, chunks, of_outputs, of_solved)
    tied = tensors.tied
    reads = _reads_back(setting, tied, chunks, of_outputs, of_states, of_solved)
    keys = _keys_back(setting, reads.of_read if tied else None, chunks, of_states)
    of_read, of_write = None if tied else reads.of_read, None
    of_keys = keys.of_keys
    if setting.own:
        own, of_keys = of_keys[:, :, 0], of_keys[:, :, 1:].clone()  # results share no memory
        if tensors.erase_write is not None:
            of_write = own.contiguous()
        elif of_read is not None:
            of_read = of_read + own
        if tensors.erase_read is None and of_read is not None:
            of_keys[:, :, 0] += of_read
            of_read = None
    gradients = ScanTensors(
        reads.of_queries,
        of_keys,
        of_values,
        of_strengths,
        _decay_back(setting, reads, keys),
        of_read,
        _total(reads.of_strength, setting.strength),
        of_write,
    )
    return gradients, of_initial


def _carry_back(
    setting: Setting, chunks: Chunks, of_outputs: Tensor, of_final: Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    of_states = torch.empty_like(chunks.states)
    of_solved = None if chunks.solved is None else torch.empty_like(chunks.solved)
    of_initial = torch.empty_like(chunks.final)
    setting.launch(
        carry_back_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        chunks=setting.num_sequences,
        from_start=chunks.from_start,
        to_end=chunks.to_end,
        scores=chunks.scores,
        reads=chunks.reads,
        of_outputs=of_outputs,
        of_final=of_final.contiguous(),
        of_solved=of_solved,
        of_states=of_states,
        of_initial=of_initial,
    )
    return of_states, of_solved, of_initial


def _values_back(
    setting: Setting,
    chunks: Chunks,
    of_outputs: Tensor,
    of_states: Tensor,
    of_solved: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    of_values = torch.empty_like(setting.values)
    parts = None
    if setting.strengths is not None:
        number = setting.blocks(value_gradients_kernel, setting.value_size, "BLOCK_V")
        shape = (number, *setting.strengths.shape)
        parts = setting.values.new_empty(shape, dtype=torch.float32)
    setting.launch(
        value_gradients_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        to_end=chunks.to_end,
        scores=chunks.scores,
        erased=chunks.erased,
        inverse=chunks.inverse,
        of_outputs=of_outputs,
        of_states=of_states,
        of_solved=of_solved,
        of_values=of_values,
        of_strengths=parts,
        part_stride=0 if parts is None else parts.stride(0),
    )
    return of_values, _total(parts, setting.strengths)


def _scores_back(
    setting: Setting, chunks: Chunks, of_outputs: Tensor, of_solved: Tensor | None
) -> None:
    setting.launch(
        score_gradients_kernel,
        programs=setting.streams,
        solved=chunks.solved,
        of_outputs=of_outputs,
        of_solved=of_solved,
        scores=chunks.scores,
        erased=chunks.erased,
    )


class ReadGradients(NamedTuple):
    """Of what reads, and of the exponents by it.

    Attributes:
        of_queries: (B, T, H, K).
        of_read: the same; float32 where the reads are write key 1, None without an erase.
        of_strength: (parts, B, T, H) float32, or None.
        of_from_start, of_before: G's, (parts, B, T, H) or (1, B, T, H, K) float32, or None.
        of_total: G_C's, (parts, chunks, H) or (1, chunks, H, K) float32, or None.
    """

    of_queries: Tensor
    of_read: Tensor | None
    of_strength: Tensor | None
    of_from_start: Tensor | None
    of_before: Tensor | None
    of_total: Tensor | None


class KeyGradients(NamedTuple):
    """Of the keys by stream, (B, T, Q, H, K), and of the exponents by them: G's and E's,
    (parts, B, T, H) or (1, B, T, H, K) float32, or None."""

    of_keys: Tensor
    of_key_sums: Tensor | None
    of_to_end: Tensor | None


def _reads_back(
    setting: Setting,
    tied: bool,
    chunks: Chunks,
    of_outputs: Tensor,
    of_states: Tensor,
    of_solved: Tensor | None,
) -> ReadGradients:
    by_channel = setting.kind == 2
    kernel = channel_read_gradients_kernel if by_channel else head_read_gradients_kernel
    number = setting.blocks(kernel, setting.key_size, "BLOCK_K")
    tokens = (setting.batch, setting.time, setting.heads)
    parts = _exponent_parts(setting, number)
    total = (parts[0], setting.num_chunks, *parts[3:])
    found = ReadGradients(
        of_queries=torch.empty_like(setting.queries),
        of_read=_float32(setting, setting.erases and tied, *setting.queries.shape),
        of_strength=_float32(setting, setting.strength is not None, number, *tokens),
        of_from_start=_float32(setting, setting.kind > 0, *parts),
        of_before=_float32(setting, setting.before and setting.erases, *parts),
        of_total=_float32(setting, setting.kind > 0, *total),
    )
    if setting.erases and not tied:
        found = found._replace(of_read=torch.empty_like(setting.queries))
    setting.launch(
        kernel,
        columns=(setting.key_size, "BLOCK_K"),
        programs=setting.chunk // BLOCK if by_channel else 1,
        from_start=chunks.from_start,
        states=chunks.states,
        of_outputs=of_outputs,
        of_solved=of_solved,
        of_states=of_states,
        of_scores=chunks.scores,
        of_erased=chunks.erased,
        **found._asdict(),
    )
    return found


def _keys_back(
    setting: Setting, of_tied: Tensor | None, chunks: Chunks, of_states: Tensor
) -> KeyGradients:
    by_channel = setting.kind == 2
    kernel = channel_key_gradients_kernel if by_channel else head_key_gradients_kernel
    parts = _exponent_parts(setting, setting.blocks(kernel, setting.key_size, "BLOCK_K"))
    found = KeyGradients(
        of_keys=torch.empty_like(setting.keys),
        of_key_sums=_float32(setting, setting.kind > 0, *parts),
        of_to_end=_float32(setting, setting.kind > 0, *parts),
    )
    setting.launch(
        kernel,
        columns=(setting.key_size, "BLOCK_K"),
        programs=setting.chunk // BLOCK if by_channel else 1,
        to_end=chunks.to_end,
        solved=chunks.solved,
        of_states=of_states,
        of_scores=chunks.scores,
        of_erased=chunks.erased,
        of_tied=of_tied,
        **found._asdict(),
    )
    return found


def _decay_back(setting: Setting, reads: ReadGradients, keys: KeyGradients) -> Tensor | None:
    if setting.log_decay is None:
        return None
    of_log_decay = torch.empty_like(setting.log_decay)
    assert reads.of_from_start is not None
    assert keys.of_to_end is not None
    setting.launch_columns(
        decay_sums_back_kernel,
        of_from_start=reads.of_from_start,
        of_before=reads.of_before,
        of_total=reads.of_total,
        of_key_sums=keys.of_key_sums,
        of_to_end=keys.of_to_end,
        of_log_decay=of_log_decay,
        READ_PARTS=len(reads.of_from_start),
        KEY_PARTS=len(keys.of_to_end),
    )
    return of_log_decay


def _exponent_parts(setting: Setting, number: int) -> tuple[int, ...]:
    """The shape of an exponent's gradient: a head's is summed by each program over its channels."""
    shape = (setting.batch, setting.time, setting.heads)
    return (1, *shape, setting.key_size) if setting.kind == 2 else (number, *shape)


def _float32(setting: Setting, wanted: bool | int, *shape: int) -> Tensor | None:
    return setting.queries.new_empty(shape, dtype=torch.float32) if wanted else None


def _total(parts: Tensor | None, like: Tensor | None) -> Tensor | None:
    """The sum of a gradient's parts, in the tensor's dtype."""
    return None if parts is None or like is None else parts.sum(0).to(like.dtype)
