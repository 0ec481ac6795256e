"""The prefix mixer: a scan with any aggregator over chunks, read by each token.

With x_i the rows of chunk i, s_i = Agg-scan(x_0 ... x_i) and y over chunk i = Inf(s_{i-1}, x_i).
Source: prefix-scannable models, arXiv 2506.10918. A token's output may see all chunks before its
own, and its own chunk up to itself.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model.chunk_scan import scan_chunks
from seqzoo.model.chunk_state import (
    ChunkState,
    check_state,
    first_state,
    groups_of,
    joined,
    last_of,
    parts_of,
    rows_of,
    tree_map,
)
from seqzoo.model.chunk_step import next_token
from seqzoo.model.duality import LINEAR, LOGARITHMIC, Duality
from seqzoo.model.mixer import Mixer, state_elements
from seqzoo.model.summaries import rows_seen
from seqzoo.operators import Aggregator, ChunkDims, Encoder, Inference, Place, Stream
from seqzoo.operators.documents import document_of_tokens, place_in_document
from seqzoo.spec import PartSpec, slot

__all__ = ["PrefixMixer"]

After = Callable[[], ChunkState]


class PrefixMixer(Mixer):
    """Encoder, prefix scan of an aggregator over chunks, inference module."""

    name = "prefix"

    class Spec(PartSpec):
        """The slots of a prefix mixer.

        chunk: C, tokens of a chunk.
        encoder: tokens of a chunk -> rows.
        aggregator: combines chunks in the prefix scan.
        inference: the prefix before a chunk, and its rows up to a token -> that token's output.
        recompute: for the backward pass keep only the inputs of each level of the scan, and
            recompute the rest.
        capacity: tokens that a carried state has room for from the start, so that its shapes are
            fixed, as a compiled step needs; null lets its trees grow with the tokens.
        """

        chunk: PositiveInt = 8
        encoder: PartSpec[Encoder] = slot("encoder", "positions")
        aggregator: PartSpec[Aggregator] = slot("aggregator", "gated_mean")
        inference: PartSpec[Inference] = slot("inference", "mlp")
        recompute: bool = False
        capacity: PositiveInt | None = None

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        dims = ChunkDims(place, spec.chunk)
        self.chunk, self.recompute = spec.chunk, spec.recompute
        self.levels = max(1, ((spec.capacity or 0) // spec.chunk).bit_length())
        self.encoder = spec.encoder.build(dims)
        self.aggregator = spec.aggregator.build(dims)
        self.inference = spec.inference.build(dims)
        self._form: dict[str, Any] | None = None  # of this mixer's states, all zeros

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D).

        A compiled graph continues from a state by single tokens only, since it cannot know how far
        into a chunk the state is; there, documents leave no state.
        """
        bounds = stream.cu_seqlens
        before: ChunkState | None = stream.past(self, "state", lambda: None)
        seen = stream.past(self, "seen", lambda: stream.zeros(x, dtype=torch.long))
        if before is not None:
            self._check_state(before, stream.sequences, x)
        stream.keep(self, "seen", seen + (x.shape[1] if bounds is None else _lengths(bounds, x)))
        if bounds is not None and torch.compiler.is_compiling():
            return self._documents_in_a_graph(x, bounds)
        if bounds is not None:
            y, after = self._documents(x, before, seen, bounds)
        elif before is None:
            y, after = self._sequences(x, self._first(len(x), x), 0)
        elif torch.compiler.is_compiling() and x.shape[1] == 1:
            parts = self.encoder, self.aggregator, self.inference
            y, after = next_token(*parts, x, before, seen)
        else:
            y, after = self._rows(x, before, seen)
        stream.keep(self, "state", after)
        return y

    def _sequences(self, x: Tensor, state: ChunkState, seen: int) -> tuple[Tensor, After]:
        """Sequences that have seen equally many tokens: y over chunk i is Inf(s_{i-1}, x_i)."""
        place, time = seen % self.chunk, x.shape[1]
        if time == 0:
            return x, lambda: self._opened(state)
        end = place + time
        complete, num = end // self.chunk, -(-end // self.chunk)
        places = torch.arange(place, end, device=x.device) % self.chunk
        rows = self.encoder(x, places)
        all_rows = torch.cat((state.rows[:, :place], rows), 1)
        all_rows = F.pad(all_rows, (0, 0, 0, num * self.chunk - end))
        chunks = all_rows.unflatten(1, (num, self.chunk))  # (B, num, C, D)
        prefixes, last, trees = scan_chunks(
            self.aggregator, chunks[:, :complete], state, seen // self.chunk, self.recompute
        )
        if num == 1:
            opened = self._opened(state).opened
            y, opened = self.inference(rows, opened, place)
            opened = tree_map(lambda x: x.contiguous(), opened)  # or a graph of steps is made twice
        else:
            known = tree_map(
                lambda x, after: torch.cat((x[:, None], after), 1), state.prefix, prefixes
            )
            opened = self._open(tree_map(lambda x: x[:, :num].flatten(0, 1), known))
            y, opened = self.inference(chunks.flatten(0, 1), opened, 0)
            opened = last_of(tree_map(lambda x: x.unflatten(0, (len(chunks), num)), opened))
            y = y.unflatten(0, (len(chunks), num)).flatten(1, 2)[:, place:end]
        if complete < num:
            return y, lambda: ChunkState(last_of(chunks), last, opened, trees)
        none = torch.zeros_like(state.rows)
        return y, lambda: self._opened(ChunkState(none, last, None, trees))

    def _first(self, batch: int, like: Tensor) -> ChunkState:
        return first_state(self.aggregator, batch, self.chunk, self.levels, like)

    def _check_state(self, state: ChunkState, batch: int, x: Tensor) -> None:
        if torch.compiler.is_compiling():
            return
        form = self._form
        if form is None:
            own = parts_of(self._opened(self._first(1, x)))
            form = tree_map(lambda leaf: torch.zeros(()).expand(leaf.shape), own)
            self._form = form
        check_state(state, form, batch)

    def _open(self, prefix: Any) -> Any:
        return self.inference.open(rows_seen(self.aggregator, prefix, self.place.width))

    def _opened(self, state: ChunkState) -> ChunkState:
        if state.opened is not None:
            return state
        return state._replace(opened=self._open(state.prefix))

    def _rows(self, x: Tensor, state: ChunkState, seen: Tensor) -> tuple[Tensor, After]:
        """Sequences that may have seen different numbers of tokens."""
        groups = groups_of(seen)
        if len(groups) == 1:
            return self._sequences(x, state, groups[0][0])
        back = torch.cat([rows for _, rows in groups]).argsort()
        parts = [self._sequences(x[rows], rows_of(state, rows), number) for number, rows in groups]
        y = torch.cat([y for y, _ in parts])[back]
        return y, lambda: rows_of(joined([after() for _, after in parts]), back)

    def _documents(
        self, x: Tensor, before: ChunkState | None, seen: Tensor, bounds: Tensor
    ) -> tuple[Tensor, After]:
        """Documents one after another, each from its own state."""
        outputs, afters = [], []
        for number, (begin, end) in enumerate(pairwise(bounds.tolist())):
            row = slice(number, number + 1)
            own = self._first(1, x) if before is None else rows_of(before, row)
            y, after = self._sequences(x[:, begin:end], own, int(seen[number]))
            outputs.append(y)
            afters.append(after)
        return torch.cat(outputs, 1), lambda: joined([after() for after in afters])

    def _documents_in_a_graph(self, x: Tensor, bounds: Tensor) -> Tensor:
        """New documents, each in its own row: a compiled graph does not know their lengths."""
        at = document_of_tokens(bounds, x), place_in_document(bounds, x)
        rows = x.new_zeros(len(bounds) - 1, *x.shape[1:]).index_put(at, x[0])
        y, _ = self._sequences(rows, self._first(len(rows), x), 0)
        return y[at].unsqueeze(0)

    def state_size(self, context: int) -> int:
        """Two summaries for each bit that the number of complete chunks has room for, and the fixed
        rest: the prefix, what the inference module keeps, the incomplete chunk's rows."""
        start = self.initial_state(1)
        trees = start["state"].trees
        level = state_elements((trees.roots, trees.folds)) // self.levels if trees else 0
        more = max(0, (context // self.chunk).bit_length() - self.levels)
        return state_elements(start) + more * level

    def duality(self) -> Duality:
        """Depends on the scan: one prefix, or trees."""
        return LINEAR if self.aggregator.associative else LOGARITHMIC

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The scan, and each slot's part by the first line of its docstring."""
        carried = "a tree for each 1-bit of the number of chunks"
        if self.aggregator.associative:
            carried = "the prefix of all chunks"
        chunk = counted(self.chunk, "token")
        return (
            ("state", f"y over chunk i is Inf(s_(i-1), x_i), s the prefixes of chunks of {chunk}"),
            ("carried", carried),
            *(
                (f"{part.family} {part.name}", part.summary())
                for part in (self.encoder, self.aggregator, self.inference)
            ),
        )


def _lengths(bounds: Tensor, x: Tensor) -> Tensor:
    return bounds.diff().to(x.device, torch.long)
