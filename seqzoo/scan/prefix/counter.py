"""Prefixes one leaf at a time, by a binary counter of complete trees.

After t leaves there is one root for each 1-bit of t, the tree over that many leaves, and for each
bit the fold of all roots above it. A new leaf merges with the trees of t's trailing 1-bits, like
the carry when 1 is added to a binary number; the prefix is the fold above them and the merged tree.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.scan.prefix.scan import Aggregate, checked, complete_trees, fold_down
from seqzoo.scan.prefix.trees import (
    Tree,
    at,
    check_form,
    expand_identity,
    leading_axes,
    map_tree,
)

__all__ = ["CounterState", "PrefixCounter", "with_levels"]


class CounterState(NamedTuple):
    """What a `PrefixCounter` remembers between pushes: a tree of tensors, batch first.

    Attributes:
        num_leaves: (B,) int64, leaves pushed so far, t; rows may differ.
        roots: a tree of (B, L, ...): at k the tree over 2^k leaves; unused where bit k of t is 0.
        folds: a tree of (B, L, ...): at k the fold of all roots above k, with the identity; unused
            where there is none.
    """

    num_leaves: Tensor
    roots: Tree
    folds: Tree


class PrefixCounter:
    """Inclusive prefixes one leaf after another, with the brackets of `prefix_scan`.

    The aggregator is called less than twice a leaf on average, and at most 1 + log2(t) times for
    one leaf. In a compiled graph, which cannot look at t, it is called L + 1 times for each leaf.

    Args:
        aggregate: as in `prefix_scan`.
        identity: as in `prefix_scan`, a tree of (...) or (B, ...).
        state: the state to continue from; None starts empty.
        levels: L; 2^L - 1 leaves fit. None lets L grow with the leaves, and with it the state's
            shape; a graph needs a number, or a state of the final size.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        identity: Tree | None = None,
        state: CounterState | None = None,
        *,
        levels: int | None = None,
    ) -> None:
        self._aggregate = checked(aggregate)
        self._identity = identity
        self._state = state
        self._levels = levels

    @property
    def state(self) -> CounterState | None:
        """The state after the last push, from which a new counter can continue. None before the
        first."""
        return self._state

    @classmethod
    def from_leaves(
        cls,
        aggregate: Aggregate,
        leaves: Tree,
        identity: Tree | None = None,
        *,
        levels: int | None = None,
    ) -> tuple[PrefixCounter, Tree]:
        """The counter after pushing all leaves, built by the parallel scan, and the prefixes.

        Args:
            aggregate, leaves, identity: as in `prefix_scan`.
            levels: as for the class.

        Returns:
            The counter, and the inclusive prefixes (B, n, ...).

        Raises:
            ValueError: more leaves than `levels` hold.
        """
        counter = cls(aggregate, identity, levels=levels)
        return counter, counter.extend(leaves)

    def extend(self, leaves: Tree) -> Tree:
        """Take leaves (B, n, ...) of each row; return the prefixes after each, (B, n, ...).

        They are computed as `prefix_scan` does, one batched call a level and sweep, whatever came
        before. All rows must hold the same number of leaves.

        Raises:
            ValueError: rows hold different numbers of leaves, or more than 2^L - 1, L being given;
                or the leaves are not like those before.
        """
        batch, num_leaves = leading_axes(leaves)
        if num_leaves == 0:
            return leaves
        t = 0 if self._state is None else _common(self._state.num_leaves)
        self._check_leaf(at(leaves, 0))
        state = self._empty(at(leaves, 0)) if self._state is None else self._state
        total = t + num_leaves
        self._check_room(total.bit_length())
        state = with_levels(state, total.bit_length())
        roots, folds = _levels_of(state.roots), _levels_of(state.folds)
        start = None
        if self._identity is not None:
            start = expand_identity(self._identity, leaves, batch)

        def fold(level: int) -> Tree | None:
            return folds[level] if t >> (level + 1) else start

        trees = complete_trees(self._aggregate, leaves, roots, t)
        prefixes = fold_down(self._aggregate, trees, fold, t)
        for bit in range(total.bit_length()):
            above = total >> (bit + 1) << (bit + 1)  # leaves under the roots above this bit
            if above > t:
                folds[bit] = at(prefixes, above - 1 - t)
            if total >> bit & 1 and total >> bit > t >> bit:
                roots[bit] = at(trees[bit], (total >> bit) - 1 - (t >> bit))
        count = torch.full_like(state.num_leaves, total)
        self._state = CounterState(count, _stack(roots), _stack(folds))
        return prefixes

    def push(self, leaf: Tree) -> Tree:
        """Take the next leaf of each row, a tree of (B, ...); return the prefix after it.

        Raises:
            ValueError: a row holds 2^L - 1 leaves already, and L was given; or the leaf is not like
                those before. Not seen in a graph.
        """
        self._check_leaf(leaf)
        state = self._empty(leaf) if self._state is None else self._state
        if torch.compiler.is_compiling():
            self._state, prefix = self._pushed_anywhere(state, leaf)
            return prefix
        counts = state.num_leaves.tolist()
        needed = max(count + 1 for count in counts).bit_length()
        self._check_room(needed)
        state = with_levels(state, needed)
        if len(set(counts)) == 1:
            self._state, prefix = self._pushed(state, leaf, counts[0])
        else:
            self._state, prefix = self._pushed_anywhere(state, leaf)
        return prefix

    def _pushed(self, state: CounterState, leaf: Tree, t: int) -> tuple[CounterState, Tree]:
        """All rows hold t leaves: only what t's bits ask for is aggregated."""
        roots, folds = _levels_of(state.roots), _levels_of(state.folds)
        tree, bit = leaf, 0
        while t >> bit & 1:
            tree = self._aggregate(roots[bit], tree)
            bit += 1
        roots[bit] = tree
        above = t >> (bit + 1) or self._identity is not None
        prefix = self._aggregate(folds[bit], tree) if above else tree
        folds[:bit] = [prefix] * bit
        return CounterState(state.num_leaves + 1, _stack(roots), _stack(folds)), prefix

    def _pushed_anywhere(self, state: CounterState, leaf: Tree) -> tuple[CounterState, Tree]:
        """Rows hold any number of leaves: each level is aggregated, and rows take it or not."""
        count = state.num_leaves
        roots, folds = _levels_of(state.roots), _levels_of(state.folds)
        tree, fold = leaf, leaf
        carries = torch.ones_like(count, dtype=torch.bool)
        lands_at = []
        for bit, root in enumerate(roots):
            full = (count >> bit & 1).bool()
            lands, merges = carries & ~full, carries & full
            # a row that does not merge aggregates its leaf with itself: numbers like any other's
            merged = self._aggregate(_where(merges, root, tree), tree)
            roots[bit] = _where(lands, tree, root)
            fold = _where(lands, folds[bit], fold)
            tree = _where(merges, merged, tree)
            lands_at.append(lands)
            carries = merges
        if self._identity is None:  # what is left of t without its trailing 1-bits is above
            above = (count & (count + 1)) > 0
            both = self._aggregate(_where(above, fold, tree), tree)
            prefix = _where(above, both, tree)
        else:
            prefix = self._aggregate(fold, tree)
        below = torch.zeros_like(carries)
        for bit in reversed(range(len(folds))):
            folds[bit] = _where(below, prefix, folds[bit])
            below = below | lands_at[bit]
        return CounterState(count + 1, _stack(roots), _stack(folds)), prefix

    def _empty(self, leaf: Tree) -> CounterState:
        """No leaves yet, of rows like `leaf` (B, ...)."""
        first = pytree.tree_leaves(leaf)[0]
        batch, levels = len(first), self._levels or 1
        count = torch.zeros(batch, dtype=torch.long, device=first.device)
        zeros = map_tree(lambda x: x.new_zeros(batch, levels, *x.shape[1:]), leaf)
        if self._identity is None:
            return CounterState(count, zeros, zeros)
        start = expand_identity(self._identity, leaf, batch, lead=1)
        return CounterState(count, zeros, _stack([start] * levels))

    def _check_leaf(self, leaf: Tree) -> None:
        if self._state is not None:
            check_form(leaf, at(self._state.roots, 0), "PrefixCounter: the next leaf is")

    def _check_room(self, needed: int) -> None:
        if self._levels is not None and needed > self._levels:
            raise ValueError(
                f"PrefixCounter: {self._levels} levels hold {2**self._levels - 1} leaves and one "
                f"more came; give levels={needed} or more"
            )


def _common(num_leaves: Tensor) -> int:
    """The number of leaves that all rows hold."""
    counts = set(num_leaves.tolist())
    if len(counts) > 1:
        raise ValueError(
            f"PrefixCounter.extend: rows hold {sorted(counts)} leaves; push leaves one after "
            "another, or extend rows of one number at a time"
        )
    return counts.pop()


def with_levels(state: CounterState, levels: int) -> CounterState:
    """The state with at least that many levels; folds of new ones are the topmost, which is the
    identity where nothing stands above it."""
    missing = levels - pytree.tree_leaves(state.roots)[0].shape[1]
    if missing <= 0:
        return state

    def longer(x: Tensor) -> Tensor:
        return torch.cat((x, x[:, -1:].expand(-1, missing, *x.shape[2:])), dim=1)

    return CounterState(
        state.num_leaves, map_tree(longer, state.roots), map_tree(longer, state.folds)
    )


def _levels_of(tree: Tree) -> list[Tree]:
    """(B, L, ...) -> L trees of (B, ...)."""
    levels = pytree.tree_leaves(tree)[0].shape[1]
    return [at(tree, level) for level in range(levels)]


def _stack(levels: list[Tree]) -> Tree:
    """L trees of (B, ...) -> (B, L, ...)."""
    return pytree.tree_map(lambda *each: torch.stack(each, dim=1), *levels)


def _where(rows: Tensor, one: Tree, other: Tree) -> Tree:
    """`one` in the rows (B,) that are True, else `other`."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *[1] * (a.ndim - 1)), a, b)

    return pytree.tree_map(pick, one, other)
