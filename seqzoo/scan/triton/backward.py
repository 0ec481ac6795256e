"""The backward pass: the stages' gradients in reverse, from the inputs alone.

Stages 1 to 3 run again, so that nothing but inputs waits in memory between the passes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanTensors
from seqzoo.scan.triton.forward import Chunks, Scores, run_scores, run_to_states
from seqzoo.scan.triton.kernels.channel_gradients import channel_gradients_kernel
from seqzoo.scan.triton.kernels.row_gradients import row_gradients_kernel
from seqzoo.scan.triton.kernels.state_pass import carry_back_kernel
from seqzoo.scan.triton.kernels.value_gradients import value_gradients_kernel
from seqzoo.scan.triton.setting import Setting


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
    scores = run_scores(setting)
    chunks = run_to_states(setting, scores, state)
    carried = _carry_back(setting, scores, of_outputs, of_final)
    values = _values_back(setting, scores, chunks, of_outputs, carried)
    rows = _rows_back(setting, scores, chunks, of_outputs, carried, values)
    of_keys, of_read, of_write = _by_input(setting, tensors, rows)
    gradients = ScanTensors(
        _by_key_head(setting, rows.of_queries),
        of_keys,
        values.of_values,
        None if values.of_strengths is None else values.of_strengths.to(_dtype(setting.strengths)),
        rows.of_log_decay,
        of_read,
        None if rows.of_strength is None else rows.of_strength.to(_dtype(setting.strength)),
        of_write,
    )
    return gradients, carried.of_initial


class Carried(NamedTuple):
    """What the pass against time gives.

    Attributes:
        of_states: of the state behind each chunk, (chunks, H, K, V).
        of_solved: B, (chunks, H, C, V), or None.
        of_initial: (N, H, V, K) float32.
    """

    of_states: Tensor
    of_solved: Tensor | None
    of_initial: Tensor


class OfValues(NamedTuple):
    """Of values and scores.

    Attributes:
        of_values: (B, T, R, H, V).
        of_strengths: (B, T, R, H) float32, or None.
        of_scores, of_erased: dA_l and dN_l, (chunks, H, Q, C, C), see `value_gradients_kernel`.
        near_scores, near_erased: (chunks, H, Q, C) float32, or None.
    """

    of_values: Tensor
    of_strengths: Tensor | None
    of_scores: Tensor
    of_erased: Tensor | None
    near_scores: Tensor | None
    near_erased: Tensor | None


class OfRows(NamedTuple):
    """Of what reads and of keys, a head's each.

    Attributes:
        of_queries: (B, T, H, K).
        of_keys: (B, T, Q, H, K).
        of_read: (B, T, H, K); None where the erase reads with key stream 0, whose gradient has it.
        of_strength: (B, T, H) float32, or None.
        of_log_decay: in its own shape and dtype, or None.
    """

    of_queries: Tensor
    of_keys: Tensor
    of_read: Tensor | None
    of_strength: Tensor | None
    of_log_decay: Tensor | None


def _carry_back(setting: Setting, scores: Scores, of_outputs: Tensor, of_final: Tensor) -> Carried:
    found = Carried(
        setting.empty(setting.key_size, setting.value_size),
        setting.empty(setting.chunk, setting.value_size) if setting.erases else None,
        torch.empty_like(of_final),
    )
    setting.launch(
        carry_back_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        chunks=setting.num_sequences,
        scores=scores.scores,
        inverse=scores.inverse,
        of_outputs=of_outputs,
        of_final=of_final.contiguous(),
        **found._asdict(),
        **scores.rows,
    )
    return found


def _values_back(
    setting: Setting, scores: Scores, chunks: Chunks, of_outputs: Tensor, carried: Carried
) -> OfValues:
    squares = (setting.num_chunks, setting.heads, setting.streams, setting.chunk)
    near = setting.kind > 0
    found = OfValues(
        torch.empty_like(setting.values),
        None if setting.strengths is None else _float32(setting, *setting.strengths.shape),
        scores.scores,  # nothing reads A_l any more
        setting.squares(setting.streams) if setting.erases else None,
        _float32(setting, *squares) if near else None,
        _float32(setting, *squares) if near and setting.before else None,
    )
    rows = {name: scores.rows[name] for name in ("keys", "key_heads") if name in scores.rows}
    setting.launch(
        value_gradients_kernel,
        programs=setting.streams,
        to_end=scores.to_end,
        scores=scores.scores,
        erased=scores.erased,
        solved=chunks.solved,
        of_outputs=of_outputs,
        of_states=carried.of_states,
        of_solved=carried.of_solved,
        **found._asdict(),
        **rows,
    )
    return found


def _rows_back(
    setting: Setting,
    scores: Scores,
    chunks: Chunks,
    of_outputs: Tensor,
    carried: Carried,
    values: OfValues,
) -> OfRows:
    per_channel = setting.kind == 2
    apart = per_channel and setting.before > 0  # there a row has the read of another token
    found = _of_rows(setting, read=setting.erases and (apart or not setting.shared))
    given = {
        "from_start": scores.from_start,
        "to_end": scores.to_end,
        "states": chunks.states,
        "solved": chunks.solved,
        "of_outputs": of_outputs,
        "of_states": carried.of_states,
        "of_solved": carried.of_solved,
        "of_scores": values.of_scores,
        "of_erased": values.of_erased,
        "near_scores": values.near_scores,
        "near_erased": values.near_erased,
        **found._asdict(),
    }
    if apart:
        given["SHARED"] = 0
    setting.launch(channel_gradients_kernel if per_channel else row_gradients_kernel, **given)
    if apart and setting.shared:
        assert found.of_read is not None
        found.of_keys[:, :, 0] += found.of_read
        found = found._replace(of_read=None)
    return found


def _of_rows(setting: Setting, *, read: bool) -> OfRows:
    """Empty ones; keys that several heads share keep float32 until their sum."""
    shared = setting.key_heads < setting.heads
    dtype = torch.float32 if shared else setting.dtype
    lead, trailing = (setting.batch, setting.time), (setting.heads, setting.key_size)
    new = setting.queries.new_empty
    return OfRows(
        new(*lead, *trailing, dtype=dtype),
        new(*lead, setting.streams, *trailing, dtype=dtype),
        new(*lead, *trailing, dtype=dtype) if read else None,
        None if setting.strength is None else _float32(setting, *lead, setting.heads),
        None if setting.log_decay is None else torch.empty_like(setting.log_decay),
    )


def _by_input(
    setting: Setting, tensors: ScanTensors, rows: OfRows
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The gradients of the writes' keys, of the erase's reads, and of what it writes along."""
    of_keys = _by_key_head(setting, rows.of_keys)
    of_read = None if rows.of_read is None else _by_key_head(setting, rows.of_read)
    of_write = None
    if setting.own:
        own, of_keys = of_keys[:, :, 0].contiguous(), of_keys[:, :, 1:].clone()  # not one memory
        if tensors.erase_write is not None:
            of_write = own
        else:
            of_read = own
    if tensors.erase_read is None and of_read is not None:
        of_keys[:, :, 0] += of_read
        of_read = None
    return of_keys, of_read, of_write


def _by_key_head(setting: Setting, gradient: Tensor) -> Tensor:
    """The sum over the heads that share a key head, in the queries' dtype."""
    if setting.key_heads < setting.heads:
        gradient = gradient.unflatten(-2, (setting.key_heads, -1)).sum(-2)
    return gradient.to(setting.dtype)


def _float32(setting: Setting, *shape: int) -> Tensor:
    return setting.queries.new_empty(shape, dtype=torch.float32)


def _dtype(tensor: Tensor | None) -> torch.dtype:
    assert tensor is not None
    return tensor.dtype
