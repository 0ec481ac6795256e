"""The chunked form's two passes over a whole scan, as functions of plain tensors.

In three layers, each with its gradients written out: the tensors in chunks (`rows`), scores and
decays (`chunk_factors`), and the erases' solve with the pass of the state (`algorithm`).
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from torch import Tensor

from seqzoo.scan.bounds import read_bounds
from seqzoo.scan.chunked.algorithm import Solved, chunk_steps, run_chunks
from seqzoo.scan.chunked.algorithm_gradients import run_chunks_back
from seqzoo.scan.chunked.channel_decay import channel_factors, channel_gradients
from seqzoo.scan.chunked.chunk_factors import ChunkFactors
from seqzoo.scan.chunked.chunk_layout import ChunkLayout, choose_layout, join_tokens, split_tokens
from seqzoo.scan.chunked.head_decay import HeadDecays, head_edges, head_factors, head_gradients
from seqzoo.scan.chunked.rows import (
    ChunkRows,
    ScanOptions,
    ScanTensors,
    chunk_rows,
    reading_and_keys,
    shared_strength,
    tensor_gradients,
)
from seqzoo.scan.chunked.shared_rows import (
    shared_row_edges,
    shared_row_factors,
    shared_row_gradients,
)
from seqzoo.scan.chunked.shared_scores import run_shared, run_shared_back, shared_factors
from seqzoo.scan.chunked.undecayed import undecayed_factors, undecayed_gradients


class Kept(NamedTuple):
    """What `chunked_backward` can reuse.

    Attributes:
        reading, keys: see `ChunkRows`; None once it is thinned.
        factors: as are its starts and ends, and under a decay per channel all of it.
        solved: see `Solved`.
        decays: what the gradients of the decay's kind need; () where thinned with the factors.
    """

    reading: Tensor | None
    keys: Tensor | None
    factors: ChunkFactors | None
    solved: Solved
    decays: HeadDecays | tuple[Tensor, ...]

    def flat(self) -> tuple[Tensor | None, ...]:
        """All tensors, one after another; as many for each segment of a scan."""
        factors = (None,) * len(ChunkFactors._fields) if self.factors is None else self.factors
        return (self.reading, self.keys, *factors, *self.solved, *self.decays)

    @staticmethod
    def unflat(flat: tuple[Tensor | None, ...]) -> Kept:
        """The inverse of `flat`."""
        rest = iter(flat)
        reading, keys = islice(rest, 2)
        factors = tuple(islice(rest, len(ChunkFactors._fields)))
        solved = Solved(*islice(rest, len(Solved._fields)))  # type: ignore[arg-type]
        decays = tuple(tensor for tensor in rest if tensor is not None)
        if len(decays) == len(HeadDecays._fields):  # per channel there is 1, and 4 a level
            decays = HeadDecays(*decays)
        kept = None if factors[0] is None else ChunkFactors(*factors)  # type: ignore[arg-type]
        return Kept(reading, keys, kept, solved, decays)


def scan_layout(tensors: ScanTensors, options: ScanOptions) -> ChunkLayout:
    """How the tokens lie in chunks; at least one token."""
    queries, cu_seqlens = tensors.queries, options.cu_seqlens
    bounds = None if cu_seqlens is None else read_bounds("scan", cu_seqlens, queries.shape[1])
    per_channel = tensors.log_decay is not None and tensors.log_decay.ndim == 4
    return choose_layout(
        queries, tensors.values, bounds, options.chunk_size, power_of_two=per_channel
    )


def chunked_forward(
    layout: ChunkLayout,
    tensors: ScanTensors,
    state: Tensor | None,
    options: ScanOptions,
    into: Tensor,
) -> tuple[Tensor, Kept]:
    """Writes the outputs into (B, T, H, V), and returns the final state, (B, H, V, K) or
    (N, H, V, K) if packed, and what was kept; all in one dtype, and state None is zero."""
    rows = chunk_rows(layout, tensors, options)
    num_sequences = layout.num_sequences
    if state is None and layout.active[0] < num_sequences:  # an empty sequence keeps its zeros
        shape = (num_sequences, *_state_shape(tensors))
        state = tensors.values.new_zeros(shape)
    first = None if state is None else layout.order_states(state)
    lanes, values = _lanes(layout), rows.values.flatten(1, 2)
    if tensors.shares_scores:
        outputs, final, factors, solved, decays = run_shared(rows, values, first, lanes)
    else:
        factors, decays = _factors(rows, options.before_decay)
        outputs, final, solved = run_chunks(factors, values, rows.keys.shape[1], first, lanes)
    kept = Kept(rows.reading, rows.keys, factors, solved, decays)
    join_tokens(layout, outputs, into)
    return layout.restore_states(final), kept


def thinned(kept: Kept) -> Kept:
    """Without what takes much memory but little time to recompute."""
    factors, decays = kept.factors, kept.decays
    assert factors is not None
    solved = kept.solved._replace(removed=None, matrix=None)
    if factors.starts is None:  # shared scores
        return Kept(None, None, None, solved, decays)
    if isinstance(decays, HeadDecays) or not decays:
        return Kept(None, None, factors._replace(starts=None, ends=None), solved, decays)
    return Kept(None, None, None, solved, ())


def restored(layout: ChunkLayout, tensors: ScanTensors, options: ScanOptions, kept: Kept) -> Kept:
    """The inverse of `thinned`, for the same layout, tensors and options."""
    reading, keys = reading_and_keys(layout, tensors, options)
    factors, decays = kept.factors, kept.decays
    if tensors.shares_scores:
        assert isinstance(decays, HeadDecays)
        factors = shared_factors(reading, keys, decays)
    elif tensors.shares_rows:
        assert factors is not None
        strength = shared_strength(layout, tensors)
        starts, ends = shared_row_edges(reading, keys, strength, decays, tensors.sharing)
        factors = factors._replace(starts=starts, ends=ends)
    elif factors is None:
        assert tensors.log_decay is not None
        log_decay = split_tokens(layout, tensors.log_decay).flatten(0, 2)
        factors, decays = channel_factors(reading, keys, log_decay, options.before_decay)
    else:
        starts, ends = reading, keys.flatten(1, 2)
        if isinstance(decays, HeadDecays):
            starts, ends = head_edges(reading, keys, decays)
        factors = factors._replace(starts=starts, ends=ends)
    solved = kept.solved
    if solved.inverse is not None and solved.states is not None:
        removed, matrix = chunk_steps(factors, solved.inverse)
        solved = solved._replace(removed=removed, matrix=matrix)
    return Kept(reading, keys, factors, solved, decays)


def chunked_backward(
    layout: ChunkLayout,
    tensors: ScanTensors,
    options: ScanOptions,
    kept: Kept,
    of_outputs: Tensor | None,
    of_final: Tensor | None,
    into: ScanTensors,
) -> Tensor | None:
    """Writes the tensors' gradients, and returns that of the state before the first token.

    Args:
        layout, tensors, options: as given to `chunked_forward`.
        kept: what it kept, not thinned.
        of_outputs, of_final: the results' gradients; None is zero.
        into: where the gradients go, tensors like the given ones.
    """
    reading, keys, factors, solved, decays = kept
    assert reading is not None
    assert keys is not None
    assert factors is not None
    of_rows = keys.new_empty(*layout.shape, reading.shape[1], tensors.values.shape[-1])
    of_queries = of_rows[..., : layout.chunk, :]
    if of_outputs is None:
        of_queries.zero_()
    else:
        of_queries.copy_(split_tokens(layout, of_outputs))
    of_rows = of_rows.flatten(0, 2)
    if of_final is not None:
        of_final = layout.order_states(of_final).contiguous()
    lanes = _lanes(layout)
    total = layout.num_sequences * layout.shape[2]
    if tensors.shares_scores:
        assert isinstance(decays, HeadDecays)
        gradients, of_values, of_state = run_shared_back(
            reading, keys, factors.scores, solved, decays, of_rows, of_final, lanes, total
        )
    else:
        of_factors, of_values, of_state = run_chunks_back(
            factors, solved, of_rows, of_final, lanes, total
        )
        before_decay = options.before_decay
        if tensors.shares_rows:
            strength = shared_strength(layout, tensors)
            gradients = shared_row_gradients(
                reading, keys, strength, factors, decays, of_factors, before_decay
            )
        elif tensors.log_decay is None:
            gradients = undecayed_gradients(reading, keys, of_factors)
        elif isinstance(decays, HeadDecays):
            gradients = head_gradients(reading, keys, factors, decays, of_factors, before_decay)
        else:
            gradients = channel_gradients(reading, keys, decays, of_factors, before_decay)
    of_values = of_values.unflatten(1, keys.shape[1:3])
    found = ChunkRows(
        gradients.reading, gradients.keys, of_values, gradients.log_decay, gradients.strength
    )
    tensor_gradients(layout, tensors, options, found, into)
    return None if of_state is None else layout.restore_states(of_state)


def _factors(
    rows: ChunkRows, before_decay: bool
) -> tuple[ChunkFactors, HeadDecays | tuple[Tensor, ...]]:
    """The factors for the kind of decay there is, and what else their gradients need."""
    heads = len(rows.values) // len(rows.keys)
    if heads > 1:
        return shared_row_factors(
            rows.reading, rows.keys, rows.strength, rows.log_decay, before_decay, heads
        )
    if rows.log_decay is None:
        return undecayed_factors(rows.reading, rows.keys), ()
    of_kind = head_factors if rows.log_decay.ndim == 2 else channel_factors
    return of_kind(rows.reading, rows.keys, rows.log_decay, before_decay)


def _lanes(layout: ChunkLayout) -> list[int]:
    """How many sequences and heads have a chunk at each step."""
    return [active * layout.shape[2] for active in layout.active]


def _state_shape(tensors: ScanTensors) -> tuple[int, int, int]:
    """(H, V, K)."""
    heads, value_size = tensors.values.shape[-2:]
    return heads, value_size, tensors.keys.shape[-1]
