"""The backward pass: the stages' gradients in reverse, from the inputs alone.

Stages 1 to 5 run again, so that nothing but inputs waits in memory between the passes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.rows import ScanTensors
from seqzoo.scan.triton.carry import carry_back_kernel
from seqzoo.scan.triton.channel_gradients import channel_gradients_kernel
from seqzoo.scan.triton.decay_sums import decay_sums_back_kernel
from seqzoo.scan.triton.forward import Chunks, run_to_states
from seqzoo.scan.triton.head_gradients import head_gradients_kernel
from seqzoo.scan.triton.score_gradients import score_gradients_kernel
from seqzoo.scan.triton.setting import BLOCK, Setting
from seqzoo.scan.triton.value_gradients import value_gradients_kernel


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
    rows = _rows_back(setting, tensors, chunks, of_outputs, of_states, of_solved)
    of_keys, of_read, of_write = rows.keys, rows.erase_read, rows.erase_write
    if setting.own:
        own, of_keys = of_keys[:, :, 0], of_keys[:, :, 1:].contiguous()
        if tensors.erase_write is not None:
            of_write = own.contiguous()
        elif of_read is not None:
            of_read = of_read + own
        if tensors.erase_read is None and of_read is not None:
            of_keys[:, :, 0] += of_read
            of_read = None
    gradients = ScanTensors(
        rows.queries,
        of_keys,
        of_values,
        of_strengths,
        rows.log_decay,
        of_read,
        rows.erase_strength,
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


def _rows_back(
    setting: Setting,
    tensors: ScanTensors,
    chunks: Chunks,
    of_outputs: Tensor,
    of_states: Tensor,
    of_solved: Tensor | None,
) -> ScanTensors:
    """The gradients of all but values and strengths; the keys' by stream."""
    by_channel = setting.kind == 2
    kernel = channel_gradients_kernel if by_channel else head_gradients_kernel
    number = setting.blocks(kernel, setting.key_size, "BLOCK_K")
    token_parts = (number, setting.batch, setting.time, setting.heads)

    def float32(*shape: int) -> Tensor:
        return setting.queries.new_empty(shape, dtype=torch.float32)

    of_queries = torch.empty_like(setting.queries)
    of_keys = torch.empty_like(setting.keys)
    of_read = of_strength = of_start = of_before = of_end = of_total = None
    if setting.erases and not tensors.tied:
        of_read = torch.empty_like(setting.queries)
    if setting.strength is not None:
        of_strength = float32(*token_parts)
    if setting.log_decay is not None:
        parts = 1 if by_channel else number
        shape = (parts, *setting.log_decay.shape)
        of_start, of_end = float32(*shape), float32(*shape)
        of_before = float32(*shape) if setting.before and setting.erases else None
        of_total = float32(parts, setting.num_chunks, *setting.log_decay.shape[2:])
    setting.launch(
        kernel,
        columns=(setting.key_size, "BLOCK_K"),
        programs=setting.chunk // BLOCK if by_channel else 1,
        from_start=chunks.from_start,
        to_end=chunks.to_end,
        solved=chunks.solved,
        states=chunks.states,
        of_outputs=of_outputs,
        of_solved=of_solved,
        of_states=of_states,
        of_scores=chunks.scores,
        of_erased=chunks.erased,
        of_queries=of_queries,
        of_keys=of_keys,
        of_read=of_read,
        of_strength=of_strength,
        of_from_start=of_start,
        of_before=of_before,
        of_to_end=of_end,
        of_total=of_total,
        part_stride=setting.batch * setting.time * setting.heads,
        total_stride=setting.num_chunks * setting.heads,
        TIED=int(tensors.tied),
    )
    of_log_decay = None
    if setting.log_decay is not None:
        of_log_decay = torch.empty_like(setting.log_decay)
        assert of_start is not None
        assert of_total is not None
        setting.launch_columns(
            decay_sums_back_kernel,
            of_from_start=of_start,
            of_before=of_before,
            of_to_end=of_end,
            of_total=of_total,
            of_log_decay=of_log_decay,
            part_stride=of_start.stride(0),
            total_stride=of_total.stride(0),
            PARTS=len(of_start),
        )
    return ScanTensors(
        of_queries,
        of_keys,
        setting.values,
        None,
        of_log_decay,
        of_read,
        _total(of_strength, setting.strength),
        None,
    )


def _total(parts: Tensor | None, like: Tensor | None) -> Tensor | None:
    """The sum of a gradient's parts, in the tensor's dtype."""
    return None if parts is None or like is None else parts.sum(0).to(like.dtype)
