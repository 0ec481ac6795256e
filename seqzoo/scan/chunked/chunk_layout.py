"""Cutting sequences into chunks, and joining chunks back.

Chunks are laid out step-major: first chunk 0 of every sequence, then chunk 1, and so on, heads
innermost. M counts all chunks of all sequences and heads, so the parallel work runs on contiguous
(M, C, K), and the pass between chunks advances all sequences together on contiguous slices.
Packed sequences are ordered from the longest to the shortest; those still running at a step are
then always a prefix, and no chunk is spent on a sequence that has ended.

Tokens are what is laid out. A tensor with n micro-steps for each, (B, T * n, ...), goes with them:
its chunks have n times as many rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class ChunkLayout(Protocol):
    """How a problem's tokens lie in chunks.

    Attributes:
        num_sequences: B, or N if packed.
        time: T.
        chunk: tokens a chunk.
        shape: of the M chunks, (steps, sequences, H) or (chunks, 1, H).
        active: for each step, how many sequences still have a chunk there; never rises.
    """

    num_sequences: int
    time: int
    chunk: int
    shape: tuple[int, int, int]
    active: tuple[int, ...]

    def pieces(self, most: int) -> list[Piece]:
        """The same chunks as pieces of whole steps, in the order of time.

        Args:
            most: of the M chunks in a piece, where one step is not more.
        """
        ...

    def split(self, tensor: Tensor) -> Tensor:
        """(B, T * n, ...) -> (steps, sequences, C, ...) or (chunks, 1, C, ...), padded with zeros;
        C = n * chunk."""
        ...

    def join(self, chunks: Tensor, into: Tensor) -> None:
        """The inverse of `split`, without the padding, written into (B, T * n, ...)."""
        ...

    def order_states(self, states: Tensor) -> Tensor:
        """(N, H, V, K) as the caller orders sequences -> (N * H, V, K) as the layout does."""
        ...

    def restore_states(self, states: Tensor) -> Tensor:
        """The inverse of `order_states`."""
        ...


class Piece(NamedTuple):
    """Some steps of a layout: which tokens they hold, and how those lie in chunks.

    Attributes:
        tokens: where they are in T, a span or indices.
        layout: of these tokens alone; it has the same sequences, some perhaps without tokens.
    """

    tokens: slice | Tensor
    layout: ChunkLayout


def choose_layout(
    queries: Tensor,
    values: Tensor,
    bounds: tuple[int, ...] | None,
    chunk_size: int,
    *,
    power_of_two: bool,
) -> ChunkLayout:
    """The layout of a scan of at least one token.

    Args:
        queries: (B, T, G, K).
        values: (B, T * n, R, H, V).
        bounds: N + 1 numbers, where packed sequences begin and end; None if not packed.
        chunk_size: the most micro-steps per chunk, but at least one token's.
        power_of_two: a power of two of tokens a chunk (for decays that are split dyadically).
    """
    batch, time, _, key_size = queries.shape
    heads = values.shape[3]
    longest = time
    if bounds is not None:
        longest = max(end - start for start, end in pairwise(bounds))
    largest = chunk_size
    if queries.device.type == "cpu":
        # the (C, C) work grows with C, the (K, V) work falls; accelerators want fewer, larger steps
        largest = min(largest, max(16, key_size // 2, values.shape[-1] // 2))
    largest = max(1, largest // (values.shape[1] // time))
    num_chunks = -(-longest // largest)
    chunk = -(-longest // num_chunks)  # equal chunks: the least padding
    if power_of_two:
        chunk = 1 << (chunk - 1).bit_length()
    if bounds is None:
        return EqualChunks(batch, time, heads, chunk)
    return PackedChunks(bounds, heads, chunk, queries.device)


def split_tokens(layout: ChunkLayout, tensor: Tensor) -> Tensor:
    """(B, T, H, ...) -> (*shape, C, ...), where it can be a view."""
    return layout.split(tensor).transpose(2, 3)


def split_writes(layout: ChunkLayout, tensor: Tensor) -> Tensor:
    """(B, T, R, H, ...) -> (*shape, C, R, ...), where it can be a view."""
    return layout.split(tensor).movedim(4, 2)


def join_tokens(layout: ChunkLayout, chunks: Tensor, into: Tensor) -> Tensor:
    """Writes (M, C, ...) into (B, T, H, ...), without the padding, and returns that."""
    layout.join(chunks.view(*layout.shape[:2], -1, *chunks.shape[1:]).transpose(2, 3), into)
    return into


def join_writes(layout: ChunkLayout, chunks: Tensor, into: Tensor) -> Tensor:
    """Writes (M, C, R, ...) into (B, T, R, H, ...), without the padding, and returns that."""
    layout.join(chunks.view(*layout.shape[:2], -1, *chunks.shape[1:]).movedim(2, 4), into)
    return into


class EqualChunks:
    """B sequences of T tokens, cut alike."""

    def __init__(self, batch: int, time: int, heads: int, chunk: int) -> None:
        self.num_sequences, self.time, self.heads, self.chunk = batch, time, heads, chunk
        self.steps = -(-time // chunk)
        self.shape = (self.steps, batch, heads)
        self.active = (batch,) * self.steps

    def pieces(self, most: int) -> list[Piece]:
        """See `ChunkLayout.pieces`."""
        cuts = [step * self.chunk for step in _cuts(self.active, most // self.heads)]
        return [
            Piece(
                slice(start, end),
                EqualChunks(
                    self.num_sequences, min(end, self.time) - start, self.heads, self.chunk
                ),
            )
            for start, end in pairwise(cuts)
        ]

    def split(self, tensor: Tensor) -> Tensor:
        """See `ChunkLayout.split`."""
        rest = tensor.shape[2:]
        chunk = self.chunk * (tensor.shape[1] // self.time)
        padding = self.steps * chunk - tensor.shape[1]
        if padding:
            tensor = F.pad(tensor, (0, 0) * len(rest) + (0, padding))
        return tensor.unflatten(1, (self.steps, chunk)).transpose(0, 1)

    def join(self, chunks: Tensor, into: Tensor) -> None:
        """See `ChunkLayout.join`."""
        time, chunk = into.shape[1], chunks.shape[2]
        full, rest = divmod(time, chunk)
        into[:, : time - rest].unflatten(1, (full, chunk)).copy_(chunks[:full].transpose(0, 1))
        if rest:
            into[:, time - rest :].copy_(chunks[full, :, :rest])

    def order_states(self, states: Tensor) -> Tensor:
        """See `ChunkLayout.order_states`."""
        return states.flatten(0, 1)

    def restore_states(self, states: Tensor) -> Tensor:
        """See `ChunkLayout.restore_states`."""
        return states.unflatten(0, (self.num_sequences, self.heads))


class PackedChunks:
    """N sequences of any length, 0 included, packed along time; no chunk holds two of them."""

    def __init__(
        self, bounds: tuple[int, ...], heads: int, chunk: int, device: torch.device
    ) -> None:
        self.bounds, self.heads, self.chunk = bounds, heads, chunk
        spans = list(pairwise(bounds))
        self.num_sequences = len(spans)
        chunk_counts = [-(-(end - start) // chunk) for start, end in spans]
        order = sorted(range(len(spans)), key=lambda n: -chunk_counts[n])
        steps = max(chunk_counts)
        self.active = tuple(sum(count > step for count in chunk_counts) for step in range(steps))
        cuts = [
            (spans[n][0] + step * chunk, spans[n][1])
            for step, active in enumerate(self.active)
            for n in order[:active]
        ]
        self.shape: tuple[int, int, int] = (len(cuts), 1, heads)
        starts, ends = torch.tensor(cuts).unbind(1)
        tokens = starts[:, None] + torch.arange(chunk)  # (chunks, C)
        held = tokens < ends[:, None]
        self.time = time = bounds[-1]
        slots = torch.empty(time, dtype=torch.long)
        slots[tokens[held]] = held.flatten().nonzero().squeeze(1)
        # a slot without a token reads the zeros appended at index T
        self.tokens = tokens.where(held, torch.tensor(time)).flatten().to(device)
        self.slots = slots.to(device)
        self.order = torch.tensor(order, device=device)
        self.inverse = self.order.argsort()

    def pieces(self, most: int) -> list[Piece]:
        """See `ChunkLayout.pieces`."""
        cuts = [step * self.chunk for step in _cuts(self.active, most // self.heads)]
        pieces: list[Piece] = []
        for first, last in pairwise(cuts):
            spans = [
                range(min(start + first, end), min(start + last, end))
                for start, end in pairwise(self.bounds)
            ]
            bounds = tuple(accumulate(map(len, spans), initial=0))
            tokens = torch.tensor([token for span in spans for token in span])
            device = self.order.device
            layout = PackedChunks(bounds, self.heads, self.chunk, device)
            pieces.append(Piece(tokens.to(device), layout))
        return pieces

    def split(self, tensor: Tensor) -> Tensor:
        """See `ChunkLayout.split`."""
        tokens = tensor.squeeze(0).unflatten(0, (self.time, -1))
        tokens = F.pad(tokens, (0, 0) * (tokens.ndim - 1) + (0, 1))
        chunks = tokens.index_select(0, self.tokens).flatten(0, 1)
        return chunks.unflatten(0, (self.shape[0], 1, -1))

    def join(self, chunks: Tensor, into: Tensor) -> None:
        """See `ChunkLayout.join`."""
        tokens = into[0].unflatten(0, (self.time, -1))
        slots = chunks.flatten(0, 2).unflatten(0, (-1, tokens.shape[1]))
        torch.index_select(slots, 0, self.slots, out=tokens)

    def order_states(self, states: Tensor) -> Tensor:
        """See `ChunkLayout.order_states`."""
        return states.index_select(0, self.order).flatten(0, 1)

    def restore_states(self, states: Tensor) -> Tensor:
        """See `ChunkLayout.restore_states`."""
        return states.unflatten(0, (-1, self.heads)).index_select(0, self.inverse)


def _cuts(active: Sequence[int], most: int) -> Iterator[int]:
    """0, the steps before which to cut, and the number of steps."""
    yield 0
    held = 0
    for step, sequences in enumerate(active):
        if held and held + sequences > most:
            yield step
            held = 0
        held += sequences
    yield len(active)
