"""The forward pass: stages 1 to 3, tensors in, tensors out."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.triton.kernels.channel_scores import channel_scores_kernel
from seqzoo.scan.triton.kernels.chunk_scores import chunk_scores_kernel
from seqzoo.scan.triton.kernels.decay_rows import decay_rows_kernel
from seqzoo.scan.triton.kernels.state_pass import carry_kernel
from seqzoo.scan.triton.setting import Setting


class Scores(NamedTuple):
    """What a chunk's tokens are to each other, and how they decay.

    Attributes:
        scores: A_l, (chunks, H, Q, C, C).
        erased: N_l of the streams behind the erase's, (chunks, H, Q - 1, C, C), or None.
        inverse: L, (chunks, H, C, C), or None.
        rows: what `carry_kernel` takes of rows and decays, by its parameters' names.
        from_start: G_i, (B, T, H) or (B, T, H, K) float32, None without a decay.
        to_end: E_i, the same; None too a key channel in half precision.
    """

    scores: Tensor
    erased: Tensor | None
    inverse: Tensor | None
    rows: dict[str, Any]
    from_start: Tensor | None
    to_end: Tensor | None


class Chunks(NamedTuple):
    """What backward needs of the pass along the chunks.

    Attributes:
        states: before each chunk, (chunks, H, K, V).
        solved: V_0, (chunks, H, C, V), or None.
    """

    states: Tensor
    solved: Tensor | None


def run_forward(setting: Setting, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """Outputs (B, T, H, V) in the queries' dtype and the final state (N, H, V, K) float32.

    Args:
        setting: the problem; at least one token.
        state: (N, H, V, K) float32; None is zero.
    """
    outputs = torch.empty_like(setting.values[:, :, 0])
    final = carry(setting, run_scores(setting), state, outputs=outputs)
    return outputs, final


def run_to_states(setting: Setting, scores: Scores, state: Tensor | None) -> Chunks:
    """The pass along the chunks for the backward's sake, which keeps what the forward does not."""
    states = setting.empty(setting.key_size, setting.value_size)
    solved = setting.empty(setting.chunk, setting.value_size) if setting.erases else None
    carry(setting, scores, state, states=states, solved=solved)
    return Chunks(states, solved)


def carry(
    setting: Setting,
    scores: Scores,
    state: Tensor | None,
    outputs: Tensor | None = None,
    states: Tensor | None = None,
    solved: Tensor | None = None,
) -> Tensor:
    """Stage 3: the final state; fills what is given of the rest."""
    shape = (setting.num_sequences, setting.heads, setting.value_size, setting.key_size)
    final = setting.queries.new_empty(shape, dtype=torch.float32)
    setting.launch(
        carry_kernel,
        columns=(setting.value_size, "BLOCK_V"),
        chunks=setting.num_sequences,
        scores=scores.scores,
        erased=scores.erased,
        inverse=scores.inverse,
        initial=None if state is None else state.contiguous(),
        states=states,
        solved=solved,
        outputs=outputs,
        final=final,
        **scores.rows,
    )
    return final


def run_scores(setting: Setting) -> Scores:
    """Stages 1 and 2; the backward pass runs them again."""
    return _channel_scores(setting) if setting.kind == 2 else _head_scores(setting)


def _head_scores(setting: Setting) -> Scores:
    """Where a head decays as one, or not at all: one kernel."""
    from_start = to_end = None
    if setting.log_decay is not None:
        from_start = torch.empty_like(setting.log_decay, dtype=torch.float32)
        to_end = torch.empty_like(from_start)
    scores = setting.squares(setting.streams)
    erased = setting.squares(setting.streams - 1) if setting.erases else None
    inverse = setting.squares() if setting.erases else None
    setting.launch(
        chunk_scores_kernel,
        from_start=from_start,
        to_end=to_end,
        scores=scores,
        erased=erased,
        inverse=inverse,
    )
    rows = {"from_start": from_start, "to_end": to_end}
    return Scores(scores, erased, inverse, rows, from_start, to_end)


def _channel_scores(setting: Setting) -> Scores:
    """Where each key channel decays on its own: rows with their decays, then scores."""
    assert setting.log_decay is not None
    from_start = torch.empty_like(setting.log_decay, dtype=torch.float32)
    to_end = None if setting.half else torch.empty_like(from_start)
    tokens = (setting.batch, setting.time)
    heads = (setting.heads, setting.key_size)
    totals = setting.empty(setting.key_size, dtype=torch.float32)
    rows = {
        "queries": setting.queries.new_empty(*tokens, *heads),
        "keys": setting.queries.new_empty(*tokens, setting.streams, *heads),
        "read": setting.queries.new_empty(*tokens, *heads) if setting.erases else None,
    }
    setting.launch(
        decay_rows_kernel,
        columns=(setting.key_size, "BLOCK_K"),
        from_start=from_start,
        to_end=to_end,
        totals=totals,
        query_rows=rows["queries"],
        key_rows=rows["keys"],
        read_rows=rows["read"],
    )
    scores = setting.squares(setting.streams)
    erased = setting.squares(setting.streams - 1) if setting.erases else None
    inverse = setting.squares() if setting.erases else None
    setting.launch(
        channel_scores_kernel,
        programs=setting.streams,
        from_start=from_start,
        scores=scores,
        erased=erased,
        inverse=inverse,
    )
    decays = {"from_start": totals, "to_end": None, "key_heads": setting.heads, "SHARED": 0}
    decays["read_stride"] = setting.heads * setting.key_size
    if rows["read"] is None:
        rows["read"] = rows["queries"]
    return Scores(scores, erased, inverse, rows | decays, from_start, to_end)
