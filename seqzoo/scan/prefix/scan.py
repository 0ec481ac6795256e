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

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.checkpoint import checkpoint

from seqzoo.scan.prefix.trees import (
    Tree,
    check_form,
    concatenate,
    expand_identity,
    leading_axes,
    map_tree,
)

__all__ = ["Aggregate", "checked", "complete_trees", "fold_down", "prefix_scan"]

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
        recompute: keep only the inputs of each call of the aggregator, one per level and sweep, and
            recompute the rest in the backward pass.

    Returns:
        A tree of (B, n, ...): at i the prefix over leaves 0..i. The aggregator is called on
        2 (n - 1) - log2(n) pairs when n is a power of two and identity is None, never on 2 n.

    Raises:
        ValueError: the leaves do not share their (B, n) axes, or the identity or what the
            aggregator returns is not like them.
    """
    aggregate = checked(aggregate)
    batch, num_leaves = leading_axes(leaves)
    if num_leaves == 0:
        return leaves
    if recompute:
        aggregate = partial(checkpoint, aggregate, use_reentrant=False)
    levels = complete_trees(aggregate, leaves)
    start = None if identity is None else expand_identity(identity, leaves, batch)
    return fold_down(aggregate, levels, lambda level: start)


def checked(aggregate: Aggregate) -> Aggregate:
    """The same; a ValueError where what it returns is not like its operands."""

    def aggregated(older: Tree, newer: Tree) -> Tree:
        both = aggregate(older, newer)
        check_form(both, newer, "aggregate(older, newer) returned")
        return both

    return aggregated


def complete_trees(
    aggregate: Aggregate, leaves: Tree, roots: Sequence[Tree] = (), before: int = 0
) -> list[Tree]:
    """Up: level k holds the new complete trees over 2^k leaves each, (B, m_k, ...).

    Args:
        aggregate: see `prefix_scan`.
        leaves: a tree of (B, n, ...).
        roots: where leaves came before, at k the tree over 2^k of them, (B, ...), if bit k of their
            number is 1.
        before: t, leaves that came before.

    Returns:
        The trees that end in one of the leaves: of level k those that end at the multiples of 2^k
        from t + 1 to t + n.
    """
    levels = [leaves]
    while True:
        nodes, level = levels[-1], len(levels) - 1
        if before >> level & 1:
            nodes = concatenate(map_tree(lambda x: x[:, None], roots[level]), nodes)
        num_pairs = leading_axes(nodes)[1] // 2
        if num_pairs == 0:
            return levels
        older = map_tree(lambda x, m=num_pairs: x[:, 0 : 2 * m : 2], nodes)
        newer = map_tree(lambda x, m=num_pairs: x[:, 1 : 2 * m : 2], nodes)
        levels.append(_aggregate_pairs(aggregate, older, newer))


def fold_down(
    aggregate: Aggregate,
    levels: list[Tree],
    fold: Callable[[int], Tree | None],
    before: int = 0,
) -> Tree:
    """Down: the prefix over m leaves, 2^k the lowest bit of m, is that over m - 2^k leaves and
    the complete tree of the last 2^k. At level k all prefixes over multiples of 2^k are known.

    Args:
        aggregate: see `prefix_scan`.
        levels: of `complete_trees`.
        fold: level -> the prefix before the first of the level's trees, if that one ends an odd
            multiple of 2^k, (B, ...): of leaves that came before, the identity, or None.
        before: t, leaves that came before.
    """
    known: Tree | None = None  # prefixes over the multiples of 2^(k+1) from t + 1 on
    for level in reversed(range(len(levels))):
        skipped = before >> level & 1  # the first tree ends an even multiple: its prefix is known
        last = map_tree(lambda x, s=skipped: x[:, s::2], levels[level])
        first = None if skipped else fold(level)
        if first is not None:
            first = map_tree(lambda x: x[:, None], first)
            odd = _append_trees(aggregate, concatenate(first, known), last)
        elif skipped:
            odd = _append_trees(aggregate, known, last)
        else:
            head, rest = map_tree(lambda x: x[:, :1], last), map_tree(lambda x: x[:, 1:], last)
            odd = concatenate(head, _append_trees(aggregate, known, rest))
        known = _interleave(known, odd) if skipped else _interleave(odd, known)
    return known


def _append_trees(aggregate: Aggregate, before: Tree | None, last: Tree) -> Tree:
    """Each of `last` (B, m, ...) after the prefix before it; `before` may hold one more."""
    num_last = leading_axes(last)[1]
    if num_last == 0:
        return last
    return _aggregate_pairs(aggregate, map_tree(lambda x: x[:, :num_last], before), last)


def _aggregate_pairs(aggregate: Aggregate, older: Tree, newer: Tree) -> Tree:
    """aggregate on trees of (B, m, ...), flattened to (B * m, ...) for one call."""
    batch, num_pairs = leading_axes(newer)
    flat = aggregate(
        map_tree(lambda x: x.flatten(0, 1), older), map_tree(lambda x: x.flatten(0, 1), newer)
    )
    return map_tree(lambda x: x.unflatten(0, (batch, num_pairs)), flat)


def _interleave(first: Tree | None, second: Tree | None) -> Tree:
    """first[0], second[0], first[1], second[1], ...; the first may be one longer."""
    if second is None:
        return first
    if first is None:
        return second

    def join(one: Tensor, other: Tensor) -> Tensor:
        num_both = other.shape[1]
        both = torch.stack((one[:, :num_both], other), dim=2).flatten(1, 2)
        return torch.cat((both, one[:, num_both:]), dim=1)

    return pytree.tree_map(join, first, second)
