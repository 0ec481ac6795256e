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
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Tree = Any
"""A tensor, or nested lists, tuples and dicts of tensors that share their leading axes."""

Aggregate = Callable[[Tree, Tree], Tree]
"""aggregate(older, newer): two trees of (B', ...) -> one tree of (B', ...)."""


def prefix_scan(aggregate: Aggregate, leaves: Tree, identity: Tree | None = None) -> Tree:
    """All inclusive prefixes, in two sweeps over the tree, one batched call a level and sweep.

    Args:
        aggregate: combines two trees of (B', ...), the older first; must treat the B' rows alike.
        leaves: a tree of (B, n, ...).
        identity: a tree of (...) or (B, ...) without the n axis, aggregated literally; None is
            short-circuited.

    Returns:
        A tree of (B, n, ...): at i the prefix over leaves 0..i. The aggregator is called on
        2 (n - 1) - log2(n) pairs when n is a power of two and identity is None, never on 2 n.

    Raises:
        ValueError: the leaves do not share their (B, n) axes.
    """
    batch, num_leaves = _leading_axes(leaves)
    if num_leaves == 0:
        return leaves
    levels = _complete_trees(aggregate, leaves)
    if identity is not None:
        identity = _expand_identity(identity, leaves, batch)
    return _fold_down(aggregate, levels, identity)


class CounterState(NamedTuple):
    """What a `PrefixCounter` remembers between pushes.

    Attributes:
        num_leaves: leaves pushed so far, t.
        roots: at k the tree over 2^k leaves, None where bit k of t is 0.
        folds: at k the fold of all roots above k, None where there is none.
    """

    num_leaves: int
    roots: tuple[Tree | None, ...]
    folds: tuple[Tree | None, ...]


class PrefixCounter:
    """Inclusive prefixes one leaf after another, by a binary counter of complete trees.

    Remembers at most one tree a bit of t, and the folds above them, so the aggregator is called
    less than twice a leaf on average, and at most 1 + log2(t) times for one leaf.

    Args:
        aggregate: as in `prefix_scan`.
        identity: as in `prefix_scan`, a tree of (...) or (B, ...).
        state: where to go on from; None starts empty.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        identity: Tree | None = None,
        state: CounterState | None = None,
    ) -> None:
        self._aggregate = aggregate
        self._identity = identity
        self._state = CounterState(0, (), ()) if state is None else state

    @property
    def state(self) -> CounterState:
        """The state after the last push; a new counter goes on from it."""
        return self._state

    @classmethod
    def from_leaves(
        cls, aggregate: Aggregate, leaves: Tree, identity: Tree | None = None
    ) -> tuple[PrefixCounter, Tree]:
        """The counter after pushing all leaves, built by the parallel scan, and the prefixes.

        Args:
            aggregate, leaves, identity: as in `prefix_scan`.

        Returns:
            The counter, and the inclusive prefixes (B, n, ...).
        """
        batch, num_leaves = _leading_axes(leaves)
        if num_leaves == 0:
            return cls(aggregate, identity), leaves
        levels = _complete_trees(aggregate, leaves)
        expanded = None if identity is None else _expand_identity(identity, leaves, batch)
        prefixes = _fold_down(aggregate, levels, expanded)
        roots: list[Tree | None] = []
        folds: list[Tree | None] = []
        for bit in range(num_leaves.bit_length()):
            above = num_leaves >> (bit + 1) << (bit + 1)  # leaves under the roots above this bit
            folds.append(_at(prefixes, above - 1) if above else expanded)
            full = num_leaves >> bit & 1
            roots.append(_at(levels[bit], (num_leaves >> bit) - 1) if full else None)
        state = CounterState(num_leaves, tuple(roots), tuple(folds))
        return cls(aggregate, identity, state), prefixes

    def push(self, leaf: Tree) -> Tree:
        """Takes the next leaf, a tree of (B, ...); returns the inclusive prefix after it."""
        num_leaves, roots, folds = self._state
        if num_leaves == 0 and self._identity is not None:
            first = pytree.tree_leaves(leaf)[0]
            start = _expand_identity(self._identity, leaf, len(first), lead=1)
        else:
            start = folds[-1] if folds else None
        new_roots, new_folds = list(roots), list(folds)

        tree, bit = leaf, 0
        while bit < len(new_roots) and new_roots[bit] is not None:
            tree = self._aggregate(new_roots[bit], tree)
            new_roots[bit] = None
            bit += 1
        if bit == len(new_roots):
            new_roots.append(None)
            new_folds.append(start)  # nothing stands above the largest tree but the identity
        new_roots[bit] = tree

        above = new_folds[bit]
        prefix = tree if above is None else self._aggregate(above, tree)
        new_folds[:bit] = [prefix] * bit
        self._state = CounterState(num_leaves + 1, tuple(new_roots), tuple(new_folds))
        return prefix


def _complete_trees(aggregate: Aggregate, leaves: Tree) -> list[Tree]:
    """Up: level k holds the complete trees over 2^k leaves each, (B, n // 2^k, ...)."""
    levels = [leaves]
    while (num_pairs := _leading_axes(levels[-1])[1] // 2) > 0:
        older = _map(lambda x: x[:, 0 : 2 * num_pairs : 2], levels[-1])
        newer = _map(lambda x: x[:, 1 : 2 * num_pairs : 2], levels[-1])
        levels.append(_aggregate_pairs(aggregate, older, newer))
    return levels


def _fold_down(aggregate: Aggregate, levels: list[Tree], identity: Tree | None) -> Tree:
    """Down: the prefix over t leaves, 2^k the lowest bit of t, is that over t - 2^k leaves and
    the complete tree of the last 2^k. At level k all prefixes over multiples of 2^k are known."""
    start = None if identity is None else _map(lambda x: x[:, None], identity)
    known: Tree | None = None  # prefixes over 2^(k+1), 2 * 2^(k+1), ... leaves
    for level in reversed(levels):
        last = _map(lambda x: x[:, 0::2], level)  # trees that end an odd multiple of 2^k leaves
        if start is not None:
            before = start if known is None else _cat(start, known)
            odd = _append_trees(aggregate, before, last)
        elif known is None or _leading_axes(last)[1] == 1:
            odd = last
        else:
            first, rest = _map(lambda x: x[:, :1], last), _map(lambda x: x[:, 1:], last)
            odd = _cat(first, _append_trees(aggregate, known, rest))
        known = odd if known is None else _interleave(odd, known)
    return known


def _append_trees(aggregate: Aggregate, before: Tree, last: Tree) -> Tree:
    """Each of `last` (B, m, ...) after the prefix before it; `before` may hold one more."""
    num_last = _leading_axes(last)[1]
    return _aggregate_pairs(aggregate, _map(lambda x: x[:, :num_last], before), last)


def _aggregate_pairs(aggregate: Aggregate, older: Tree, newer: Tree) -> Tree:
    """aggregate on trees of (B, m, ...), flattened to (B * m, ...) for one call."""
    batch, num_pairs = _leading_axes(newer)
    flat = aggregate(_map(lambda x: x.flatten(0, 1), older), _map(lambda x: x.flatten(0, 1), newer))
    return _map(lambda x: x.unflatten(0, (batch, num_pairs)), flat)


def _interleave(odd: Tree, even: Tree) -> Tree:
    """odd[0], even[0], odd[1], even[1], ...; odd may be one longer."""

    def join(first: Tensor, second: Tensor) -> Tensor:
        num_both = second.shape[1]
        both = torch.stack((first[:, :num_both], second), dim=2).flatten(1, 2)
        return torch.cat((both, first[:, num_both:]), dim=1)

    return pytree.tree_map(join, odd, even)


def _expand_identity(identity: Tree, like: Tree, batch: int, lead: int = 2) -> Tree:
    """(...) or (B, ...) -> (B, ...), where `like` is a tree with `lead` axes before (...)."""

    def expand(start: Tensor, leaf: Tensor) -> Tensor:
        return start.expand(batch, *leaf.shape[lead:])

    return pytree.tree_map(expand, identity, like)


def _leading_axes(leaves: Tree) -> tuple[int, int]:
    shapes = {tuple(leaf.shape[:2]) for leaf in pytree.tree_leaves(leaves)}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2:
        raise ValueError("prefix_scan: leaves must be tensors that share their axes (B, n)")
    return shape


def _map(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    return pytree.tree_map(function, tree)


def _at(tree: Tree, index: int) -> Tree:
    return _map(lambda x: x[:, index], tree)


def _cat(first: Tree, second: Tree) -> Tree:
    return pytree.tree_map(lambda a, b: torch.cat((a, b), dim=1), first, second)
