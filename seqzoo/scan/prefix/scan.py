"""Scans with any aggregator, associative or not: the prefix scan of prefix-scannable models.

The brackets are part of the model. The prefix over the first t leaves follows t in binary: each
1-bit of t is a complete balanced tree over that many leaves, and these trees are folded from the
largest (oldest) to the smallest:

    t = 6 = 4 + 2    ((0 1)(2 3)) (4 5)
    t = 7 = 4 + 2 + 1    (((0 1)(2 3)) (4 5)) 6

`prefix_scan` computes all prefixes at once, `PrefixCounter` one after another, with the same
brackets. The older operand is always the first. Source: prefix-scannable models, arXiv 2506.10918.

The identity: None (the default) is short-circuited, so the prefix over one leaf is that leaf, and
the aggregator never sees an identity. A given identity is literal: it is aggregated once into each
prefix, as the oldest operand, agg(... agg(agg(identity, largest tree), next tree) ...).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint

from seqzoo.scan.prefix.trees import Tree, concatenate, expand_identity, leading_axes, map_tree

__all__ = ["Aggregate", "complete_trees", "fold_down", "prefix_scan"]

Aggregate = Callable[[Tree, Tree], Tree]
"""aggregate(older, newer): two trees of (B', ...) -> one tree of (B', ...)."""


def prefix_scan(
    aggregate: Aggregate, leaves: Tree, identity: Tree | None = None, *, recompute: bool = False
) -> Tree:
    """All inclusive prefixes, in two sweeps over the tree, one batched call a level and sweep.

    Args:
        aggregate: combines two trees of (B', ...), the older first; must treat the B' rows alike.
        leaves: a tree of (B, n, ...).
        identity: a tree of (...) or (B, ...) without the n axis, aggregated literally; None is
            short-circuited.
        recompute: keep only what goes into each call of the aggregator, one a level and sweep, and
            compute what is inside it again for the gradient.

    Returns:
        A tree of (B, n, ...): at i the prefix over leaves 0..i. The aggregator is called on
        2 (n - 1) - log2(n) pairs when n is a power of two and identity is None, never on 2 n.

    Raises:
        ValueError: the leaves do not share their (B, n) axes.
    """
    batch, num_leaves = leading_axes(leaves)
    if num_leaves == 0:
        return leaves
    if recompute:
        aggregate = partial(checkpoint, aggregate, use_reentrant=False)
    levels = complete_trees(aggregate, leaves)
    if identity is not None:
        identity = expand_identity(identity, leaves, batch)
    return fold_down(aggregate, levels, identity)


def complete_trees(aggregate: Aggregate, leaves: Tree) -> list[Tree]:
    """Up: level k holds the complete trees over 2^k leaves each, (B, n // 2^k, ...)."""
    levels = [leaves]
    while (num_pairs := leading_axes(levels[-1])[1] // 2) > 0:
        older = map_tree(lambda x: x[:, 0 : 2 * num_pairs : 2], levels[-1])
        newer = map_tree(lambda x: x[:, 1 : 2 * num_pairs : 2], levels[-1])
        levels.append(_aggregate_pairs(aggregate, older, newer))
    return levels


def fold_down(aggregate: Aggregate, levels: list[Tree], identity: Tree | None) -> Tree:
    """Down: the prefix over t leaves, 2^k the lowest bit of t, is that over t - 2^k leaves and
    the complete tree of the last 2^k. At level k all prefixes over multiples of 2^k are known."""
    start = None if identity is None else map_tree(lambda x: x[:, None], identity)
    known: Tree | None = None  # prefixes over 2^(k+1), 2 * 2^(k+1), ... leaves
    for level in reversed(levels):
        last = map_tree(lambda x: x[:, 0::2], level)  # trees that end an odd multiple of 2^k leaves
        if start is not None:
            before = start if known is None else concatenate(start, known)
            odd = _append_trees(aggregate, before, last)
        elif known is None or leading_axes(last)[1] == 1:
            odd = last
        else:
            first, rest = map_tree(lambda x: x[:, :1], last), map_tree(lambda x: x[:, 1:], last)
            odd = concatenate(first, _append_trees(aggregate, known, rest))
        known = odd if known is None else _interleave(odd, known)
    return known


def _append_trees(aggregate: Aggregate, before: Tree, last: Tree) -> Tree:
    """Each of `last` (B, m, ...) after the prefix before it; `before` may hold one more."""
    num_last = leading_axes(last)[1]
    return _aggregate_pairs(aggregate, map_tree(lambda x: x[:, :num_last], before), last)


def _aggregate_pairs(aggregate: Aggregate, older: Tree, newer: Tree) -> Tree:
    """aggregate on trees of (B, m, ...), flattened to (B * m, ...) for one call."""
    batch, num_pairs = leading_axes(newer)
    flat = aggregate(
        map_tree(lambda x: x.flatten(0, 1), older), map_tree(lambda x: x.flatten(0, 1), newer)
    )
    return map_tree(lambda x: x.unflatten(0, (batch, num_pairs)), flat)


def _interleave(odd: Tree, even: Tree) -> Tree:
    """odd[0], even[0], odd[1], even[1], ...; odd may be one longer."""

    def join(first: Tensor, second: Tensor) -> Tensor:
        num_both = second.shape[1]
        both = torch.stack((first[:, :num_both], second), dim=2).flatten(1, 2)
        return torch.cat((both, first[:, num_both:]), dim=1)

    return pytree.tree_map(join, odd, even)
