"""The counter's state as tensors: rows apart, in graphs, of a fixed size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.scan import CounterState, PrefixCounter, prefix_scan
from seqzoo.testing import error_ratio

generator = torch.Generator().manual_seed(0)
A, B = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
LEAVES = torch.randn(2, 11, 3, generator=generator, dtype=torch.float64)
IDENTITY = torch.randn(3, generator=generator, dtype=torch.float64)
identities = pytest.mark.parametrize("identity", [None, IDENTITY])


def aggregate(older: Tensor, newer: Tensor) -> Tensor:
    return torch.tanh(older @ A + newer @ B) + 0.3 * older * newer


def normalised(older: Tensor, newer: Tensor) -> Tensor:
    """NaN, and a gradient of NaN, where both are zero."""
    sums = older @ A + newer @ B
    return sums / sums.norm(dim=-1, keepdim=True)


@identities
def test_rows_of_unequal_counts_are_as_if_alone(identity: Tensor | None) -> None:
    """One row has seen 5 leaves and the other 2; both go on together."""
    expected = prefix_scan(aggregate, LEAVES, identity)
    states = []
    for row, seen in enumerate((5, 2)):
        leaves = LEAVES[row : row + 1, :seen]
        counter, _ = PrefixCounter.from_leaves(aggregate, leaves, identity, levels=4)
        states.append(counter.state)
    state = pytree.tree_map(lambda *rows: torch.cat(rows), *states)
    assert isinstance(state, CounterState)
    assert state.num_leaves.tolist() == [5, 2]
    counter = PrefixCounter(aggregate, identity, state, levels=4)
    for t in range(6):
        leaf = torch.stack((LEAVES[0, 5 + t], LEAVES[1, 2 + t]))
        prefix = counter.push(leaf)
        assert error_ratio(prefix[0], expected[0, 5 + t]) < 1e-13
        assert error_ratio(prefix[1], expected[1, 2 + t]) < 1e-13


@identities
def test_one_graph_serves_every_push(identity: Tensor | None) -> None:
    def push(state: CounterState, leaf: Tensor) -> tuple[CounterState, Tensor]:
        counter = PrefixCounter(aggregate, identity, state)
        prefix = counter.push(leaf)
        assert counter.state is not None
        return counter.state, prefix

    torch.compiler.reset()
    compiled = torch.compile(push, backend="aot_eager", fullgraph=True)
    first = PrefixCounter(aggregate, identity, levels=4)
    prefixes = [first.push(LEAVES[:, 0])]
    state = first.state
    assert state is not None
    with torch.no_grad():
        for t in range(1, 11):
            state, prefix = compiled(state, LEAVES[:, t])
            prefixes.append(prefix)
    expected = prefix_scan(aggregate, LEAVES, identity)
    assert error_ratio(torch.stack(prefixes, 1), expected) < 1e-13
    torch.compiler.reset()


def test_gradients_in_a_graph_are_finite_beside_unused_levels() -> None:
    leaves = LEAVES.clone().requires_grad_()

    def stream(leaves: Tensor) -> Tensor:
        counter = PrefixCounter(normalised, levels=3)
        return torch.stack([counter.push(leaves[:, t]) for t in range(6)], 1)

    torch.compiler.reset()
    compiled = torch.compile(stream, backend="aot_eager", fullgraph=True)
    gradients = []
    for function in (compiled, lambda x: prefix_scan(normalised, x[:, :6])):
        gradients.append(torch.autograd.grad(function(leaves).sin().sum(), leaves)[0])
    assert error_ratio(*gradients) < 1e-12
    torch.compiler.reset()


def test_the_state_keeps_its_shape_and_dtypes() -> None:
    counter = PrefixCounter(aggregate, levels=5)
    shapes = set()
    for t in range(11):
        counter.push(LEAVES[:, t])
        shapes.add(tuple((x.shape, x.dtype) for x in pytree.tree_leaves(counter.state)))
    assert shapes == {(((2,), torch.long), *[((2, 5, 3), torch.float64)] * 2)}


def test_a_full_counter_says_what_to_give() -> None:
    counter = PrefixCounter(aggregate, levels=2)
    for t in range(3):
        counter.push(LEAVES[:, t])
    with pytest.raises(ValueError, match=r"2 levels hold 3 leaves .* give levels=3 or more"):
        counter.push(LEAVES[:, 3])
    with pytest.raises(ValueError, match="give levels=4 or more"):
        PrefixCounter.from_leaves(aggregate, LEAVES, levels=3)


@identities
@pytest.mark.parametrize("pieces", [(1, 10), (3, 8), (4, 1, 6), (6, 5), (2, 3, 3, 3), (7, 0, 4)])
def test_extending_in_pieces_is_one_scan(identity: Tensor | None, pieces: tuple[int, ...]) -> None:
    expected = prefix_scan(aggregate, LEAVES, identity)
    counter, found = PrefixCounter(aggregate, identity), []
    for piece in LEAVES.split(list(pieces), 1):
        found.append(counter.extend(piece))
    assert error_ratio(torch.cat(found, 1), expected) < 1e-13
    pushed = PrefixCounter(aggregate, identity, counter.state)
    whole, _ = PrefixCounter.from_leaves(aggregate, LEAVES, identity)
    for t in range(6):
        assert error_ratio(pushed.push(LEAVES[:, t]), whole.push(LEAVES[:, t])) < 1e-13


def test_extending_makes_one_call_a_level_and_sweep() -> None:
    calls = []

    def count(older: Tensor, newer: Tensor) -> Tensor:
        calls.append(len(newer))
        return aggregate(older, newer)

    counter, _ = PrefixCounter.from_leaves(count, LEAVES[:1, :3])
    calls.clear()
    counter.extend(LEAVES[:1, :8].repeat(1, 8, 1))
    assert len(calls) <= 2 * 7
    assert sum(calls) <= 2 * 64


def test_extending_rows_of_unequal_counts_is_refused() -> None:
    counter, _ = PrefixCounter.from_leaves(aggregate, LEAVES[:, :3])
    assert counter.state is not None
    uneven = counter.state._replace(num_leaves=torch.tensor([3, 2]))
    with pytest.raises(ValueError, match=r"rows hold \[2, 3\] leaves; push"):
        PrefixCounter(aggregate, None, uneven).extend(LEAVES)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4)])
def test_a_leaf_of_another_form_is_refused(shape: tuple[int, int]) -> None:
    counter = PrefixCounter(aggregate)
    counter.push(LEAVES[:, 0])
    with pytest.raises(ValueError, match=r"the next leaf is .*, expected \(2, 3\)"):
        counter.push(torch.zeros(shape, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"the next leaf is .*, expected \(2, 3\)"):
        counter.extend(torch.zeros(shape[0], 5, shape[1], dtype=torch.float64))
