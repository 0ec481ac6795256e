"""The scan of a prefix mixer over complete chunks, continuing from earlier ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqzoo.model.chunk_state import ChunkState, last_of, levels_of, tree_map
from seqzoo.model.summaries import aggregated, leaves_of
from seqzoo.operators import Aggregator
from seqzoo.scan import CounterState, PrefixCounter, prefix_scan
from seqzoo.scan.prefix.counter import with_levels

__all__ = ["scan_chunks"]


def scan_chunks(
    aggregator: Aggregator, chunks: Tensor, state: ChunkState, before: int, recompute: bool
) -> tuple[Any, Any, CounterState | tuple[()]]:
    """All prefixes of complete chunks.

    Args:
        aggregator: summarises a chunk, and combines two summaries.
        chunks: (B, n, C, D).
        state: after the chunks that came before.
        before: how many chunks came before.
        recompute: for the backward pass keep only the inputs of each call of the aggregator.

    Returns:
        The prefixes, a tree of (B, n, ...); the last of them, of (B, ...); and what the scan
        resumes from.
    """
    batch, num = chunks.shape[:2]
    if num == 0:
        return tree_map(lambda x: x[:, None][:, :0], state.prefix), state.prefix, state.trees

    aggregate = partial(aggregated, aggregator)
    if recompute and torch.is_grad_enabled():
        aggregate = partial(checkpoint, aggregate, use_reentrant=False)
    leaves = leaves_of(aggregator, chunks.flatten(0, 1), state.prefix)
    leaves = tree_map(lambda x: x.unflatten(0, (batch, num)), leaves)
    trees: CounterState | tuple[()] = ()
    if aggregator.associative:
        prefixes = prefix_scan(aggregate, leaves, state.prefix)
    else:
        assert isinstance(state.trees, CounterState)
        counter = PrefixCounter(aggregate, state=state.trees if before else None)
        prefixes = counter.extend(leaves)
        assert counter.state is not None
        trees = with_levels(counter.state, levels_of(state.trees))
    return prefixes, last_of(prefixes), trees
