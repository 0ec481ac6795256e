"""Long scans in segments of chunks, so that memory holds one segment's chunk-local work at a time.

A scan of at most two segments keeps everything its backward can use. A longer one goes through its
segments in time order, and backward in reverse; of each it keeps the solved part (inverses, values,
the states between chunks) and the scores, and recomputes the rest. So chunk-local work stays in
cache, and most of it never exists for the whole sequence at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_layout import ChunkLayout, Piece
from seqzoo.scan.chunked.passes import (
    Kept,
    chunked_backward,
    chunked_forward,
    restored,
    scan_layout,
    thinned,
)
from seqzoo.scan.chunked.rows import ScanOptions, ScanTensors, own_streams

SEGMENT_BYTES = 1 << 25
"""Bytes of chunk-local tensors that a segment on a CPU may hold: about a server's last-level
cache."""

LARGE_SEGMENT_BYTES = 1 << 30
"""The same on other devices, which prefer few large steps."""


class Segments(NamedTuple):
    """How a scan is cut.

    Attributes:
        whole: the layout of all tokens.
        pieces: the segments in the order of time; one, of all tokens, if there is no need to cut.
    """

    whole: ChunkLayout
    pieces: list[Piece]


class Forward(NamedTuple):
    """outputs (B, T, H, V); final state (B, H, V, K) or (N, H, V, K); what each segment kept."""

    outputs: Tensor
    final: Tensor
    kept: list[Kept]


def cut(tensors: ScanTensors, options: ScanOptions) -> Segments:
    """Where a scan of at least one token is cut."""
    layout = scan_layout(tensors, options)
    steps, sequences, heads = layout.shape
    on_cpu = tensors.queries.device.type == "cpu"
    limit = SEGMENT_BYTES if on_cpu else LARGE_SEGMENT_BYTES
    most = limit // chunk_bytes(layout.chunk, tensors, options)
    whole = [Piece(slice(None), layout)]
    if steps * sequences * heads <= most:
        return Segments(layout, whole)
    pieces = layout.pieces(most)
    # To cut in two costs more in what is computed again than it saves.
    return Segments(layout, pieces if len(pieces) > 2 else whole)


def chunk_bytes(chunk: int, tensors: ScanTensors, options: ScanOptions) -> int:
    """About how many bytes a chunk of this many tokens keeps for its backward."""
    key_size, value_size = tensors.keys.shape[-1], tensors.values.shape[-1]
    queries, chunk = chunk, chunk * tensors.steps
    reading = queries + tensors.erases * chunk
    streams = tensors.keys.shape[2] + own_streams(tensors, options)
    numbers = 2 * (reading + streams * chunk) * key_size + chunk * streams * value_size
    numbers += chunk * (streams + 1) * reading + key_size * value_size
    if tensors.erases:
        numbers += chunk * (chunk + key_size) + key_size**2
    return numbers * tensors.queries.element_size()


def forward(
    segments: Segments,
    tensors: ScanTensors,
    state: Tensor | None,
    options: ScanOptions,
    keep: bool,
) -> Forward:
    """Outputs and final state.

    Args:
        segments: of `cut`.
        tensors, state: in one dtype; state None is zero.
        options: as given to `cut`.
        keep: whether anything is kept for a backward.
    """
    shape = (*tensors.queries.shape[:2], *tensors.values.shape[3:])
    outputs = tensors.values.new_empty(shape)
    if len(segments.pieces) == 1:
        final, kept = chunked_forward(segments.whole, tensors, state, options, outputs)
        return Forward(outputs, final, [kept] if keep else [])
    each: list[Kept] = []
    time = segments.whole.time
    for tokens, layout in segments.pieces:
        part = _room(outputs, tokens, time)
        state, kept = chunked_forward(layout, _select(tensors, tokens), state, options, part)
        _place(outputs, tokens, part, time)
        if keep:
            each.append(thinned(kept))
        del kept  # before the next segment's
    assert state is not None
    return Forward(outputs, state, each)


def backward(
    segments: Segments,
    tensors: ScanTensors,
    options: ScanOptions,
    kept: list[Kept],
    of_outputs: Tensor | None,
    of_final: Tensor | None,
) -> tuple[ScanTensors, Tensor | None]:
    """The gradients of the tensors, and of the state before the first token.

    Args:
        segments, tensors, options: as given to `forward`.
        kept: what it kept.
        of_outputs, of_final: the results' gradients; None is zero.
    """
    gradients = _like(tensors, torch.empty_like)
    if len(segments.pieces) == 1:
        (full,) = kept
        of_state = chunked_backward(
            segments.whole, tensors, options, full, of_outputs, of_final, gradients
        )
        return gradients, of_state
    time = segments.whole.time
    for (tokens, layout), thin in zip(segments.pieces[::-1], kept[::-1], strict=True):
        part = _select(tensors, tokens)
        full = restored(layout, part, options, thin)
        of_part = None if of_outputs is None else _tokens(of_outputs, tokens, time)
        rooms = _like(gradients, lambda whole, tokens=tokens: _room(whole, tokens, time))
        of_final = chunked_backward(layout, part, options, full, of_part, of_final, rooms)
        for whole, room in zip(gradients, rooms, strict=True):
            if whole is not None:
                assert room is not None
                _place(whole, tokens, room, time)
        del full, rooms  # before the next segment's
    return gradients, of_final


def _like(tensors: ScanTensors, change: Callable[[Tensor], Tensor]) -> ScanTensors:
    """Each tensor there is, changed."""
    return ScanTensors(*(None if x is None else change(x) for x in tensors))  # type: ignore[arg-type]


def _select(tensors: ScanTensors, tokens: slice | Tensor) -> ScanTensors:
    """A segment's tensors; views where its tokens are a span."""
    time = tensors.queries.shape[1]
    return _like(tensors, lambda tensor: _tokens(tensor, tokens, time))


def _tokens(tensor: Tensor, tokens: slice | Tensor, time: int) -> Tensor:
    """Some of the T tokens of (B, T * n, ...); a view where they are a span."""
    by_token = tensor.unflatten(1, (time, -1))
    if isinstance(tokens, slice):
        return by_token[:, tokens].flatten(1, 2)
    return by_token.index_select(1, tokens).flatten(1, 2)


def _room(whole: Tensor, tokens: slice | Tensor, time: int) -> Tensor:
    """Where a segment's part of (B, T * n, ...) is written: in its place, if its tokens are a
    span."""
    if isinstance(tokens, slice):
        return _tokens(whole, tokens, time)
    return whole.new_empty(len(whole), len(tokens) * (whole.shape[1] // time), *whole.shape[2:])


def _place(whole: Tensor, tokens: slice | Tensor, part: Tensor, time: int) -> None:
    """Puts a `_room` in its place, once it is written."""
    if not isinstance(tokens, slice):
        by_token = part.unflatten(1, (len(tokens), -1))
        whole.unflatten(1, (time, -1)).index_copy_(1, tokens, by_token)
