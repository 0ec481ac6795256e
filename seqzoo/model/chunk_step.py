"""The next token of each sequence in a compiled graph, which cannot know its place in the chunk."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.model.chunk_state import ChunkState, levels_of, tree_map
from seqzoo.model.summaries import aggregated, leaves_of, rows_seen
from seqzoo.operators import Aggregator, Encoder, Inference
from seqzoo.scan import CounterState, PrefixCounter

__all__ = ["next_token"]


def next_token(
    encoder: Encoder,
    aggregator: Aggregator,
    inference: Inference,
    x: Tensor,
    state: ChunkState,
    seen: Tensor,
) -> tuple[Tensor, ChunkState]:
    """One token of each sequence; the aggregator runs only where one of them completes a chunk.

    Args:
        encoder, aggregator, inference: the mixer's.
        x: (B, 1, D).
        state: after the earlier tokens. Its trees keep their shape; a chunk beyond their room is an
            error when the graph runs.
        seen: (B,) int64, tokens that came before; rows may differ.

    Returns:
        y (B, 1, D), and the state after the token.
    """
    chunk = state.rows.shape[1]
    place = seen % chunk
    complete = place == chunk - 1
    row = encoder(x, place.unsqueeze(1))
    here = torch.arange(chunk, device=x.device) == place.unsqueeze(1)
    rows = torch.where(here.unsqueeze(-1), row.to(state.rows.dtype), state.rows)
    y, opened = inference(row, state.opened, place)
    opened = tree_map(lambda new, old: new.to(old.dtype), opened, state.opened)
    _check_room(state, complete)
    before, form = pytree.tree_flatten(state._replace(rows=rows, opened=opened))

    def chunk_completed(*leaves: Tensor) -> list[Tensor]:
        old = pytree.tree_unflatten(leaves, form)
        new = pytree.tree_leaves(_completed(aggregator, inference, old))
        return [_where(complete, a.to(b.dtype), b) for a, b in zip(new, leaves, strict=True)]

    def none_completed(*leaves: Tensor) -> list[Tensor]:
        return [leaf.clone(memory_format=torch.contiguous_format) for leaf in leaves]

    after = torch.cond(complete.any(), chunk_completed, none_completed, tuple(before))
    return y, pytree.tree_unflatten(after, form)


def _completed(aggregator: Aggregator, inference: Inference, state: ChunkState) -> ChunkState:
    """The state of sequences whose chunk has just been completed: its summary joins the prefix."""

    leaf = leaves_of(aggregator, state.rows, state.prefix)
    trees = state.trees
    if aggregator.associative:
        prefix = aggregated(aggregator, state.prefix, leaf)
    else:
        assert isinstance(trees, CounterState)
        counter = PrefixCounter(partial(aggregated, aggregator), state=trees)
        prefix = counter.push(leaf)
        assert counter.state is not None
        trees = counter.state
    opened = inference.open(rows_seen(aggregator, prefix, state.rows.shape[-1]))
    return ChunkState(torch.zeros_like(state.rows), prefix, opened, trees)


def _check_room(state: ChunkState, complete: Tensor) -> None:
    if not isinstance(state.trees, CounterState):
        return
    most = 2 ** levels_of(state.trees) - 1
    fits = complete.logical_not() | (state.trees.num_leaves < most)
    torch.ops.aten._assert_async.msg(
        fits.all(),
        f"prefix mixer: in a compiled graph this state has room for {most} complete chunks, and "
        "one more came; give the mixer `capacity`, the tokens of the longest sequence",
    )


def _where(rows: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """`one` in the rows (B,) that are true, else `other`."""
    return torch.where(rows.view(-1, *[1] * (one.dim() - 1)), one, other)
