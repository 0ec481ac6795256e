"""The state of a prefix mixer, and how rows of it are selected and joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.operators import Aggregator, State
from seqzoo.scan import CounterState
from seqzoo.scan.prefix.counter import with_levels
from seqzoo.scan.prefix.trees import at, check_form

__all__ = [
    "ChunkState",
    "check_state",
    "first_state",
    "groups_of",
    "joined",
    "last_of",
    "levels_of",
    "parts_of",
    "rows_of",
    "tree_map",
]


tree_map = pytree.tree_map
"""Apply a function to the tensors at each place of several trees."""


class ChunkState(NamedTuple):
    """The state of B sequences, which may have seen different numbers of tokens.

    Attributes:
        rows: (B, C, D), the rows of the incomplete chunk; zeros after its last token.
        prefix: a tree of (B, ...), the summary of all complete chunks, or the aggregator's start.
        opened: what the inference module keeps of the prefix and the rows; None if it has yet to be
            made from the prefix.
        trees: what the scan resumes from; () where it resumes from the prefix.
    """

    rows: Tensor
    prefix: Any
    opened: State | None
    trees: CounterState | tuple[()]


def first_state(
    aggregator: Aggregator, batch: int, chunk: int, levels: int, like: Tensor
) -> ChunkState:
    """The state before the first token, in the dtype and on the device of `like` (B, T, D).

    Its trees have room for 2^levels - 1 chunks.
    """
    prefix = tree_map(lambda x: x.repeat(batch, *[1] * x.dim()), aggregator.start())
    trees: CounterState | tuple[()] = ()
    if not aggregator.associative:
        roots, folds = (
            tree_map(lambda x: x.new_zeros(batch, levels, *x.shape[1:]), prefix) for _ in range(2)
        )
        count = torch.zeros(batch, dtype=torch.long, device=like.device)
        trees = CounterState(count, roots, folds)
    return ChunkState(like.new_zeros(batch, chunk, like.shape[-1]), prefix, None, trees)


def last_of(tree: Any) -> Any:
    """(B, n, ...) -> (B, ...), the last of each row, copied: a view would keep all n."""
    return tree_map(lambda x: x[:, -1].clone(memory_format=torch.contiguous_format), tree)


def levels_of(trees: CounterState) -> int:
    """L of trees of (B, L, ...)."""
    return pytree.tree_leaves(trees.roots)[0].shape[1]


def parts_of(state: ChunkState) -> dict[str, Any]:
    """The parts that all states of one mixer share up to B: trees of tensors (B, ...) by name."""
    parts = {
        "incomplete chunk": state.rows,
        "prefix": state.prefix,
        "part for the inference module": state.opened,
    }
    if state.trees:
        parts["trees"] = at(state.trees.roots, 0)
    return parts


def check_state(state: Any, form: dict[str, Any], batch: int) -> None:
    """Refuse a state left by a mixer with other settings.

    Args:
        state: anything.
        form: `parts_of` a state of this mixer, opened.
        batch: B of `state`.

    Raises:
        ValueError: says which part of the state is not this mixer's.
    """
    whose = "the state was left by a prefix mixer with other settings"
    parts = parts_of(state) if isinstance(state, ChunkState) else {}
    if parts.keys() != form.keys():
        raise ValueError(f"{whose}: it holds {list(parts)}, and not {list(form)}")
    for name, given in parts.items():
        if name != "part for the inference module" or given is not None:
            check_form(given, form[name], f"{whose}: its {name} is", batch)


def groups_of(seen: Tensor) -> list[tuple[int, Tensor]]:
    """(B,) tokens seen -> each number that occurs, with the rows that have seen that many."""
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(seen.tolist()):
        rows.setdefault(number, []).append(row)
    return [(number, torch.tensor(each, device=seen.device)) for number, each in rows.items()]


def rows_of(state: ChunkState, rows: Tensor | slice) -> ChunkState:
    """Some rows of a state, by their numbers (n,) or as a slice."""
    return tree_map(lambda x: x[rows], state)


def joined(states: Sequence[ChunkState]) -> ChunkState:
    """The rows of several states, one after another, with trees as deep as the deepest."""
    levels = max(
        (levels_of(each.trees) for each in states if each.trees),
        default=0,
    )
    even = [
        each._replace(trees=with_levels(each.trees, levels)) if each.trees else each
        for each in states
    ]
    return tree_map(lambda *rows: torch.cat(rows), *even)
