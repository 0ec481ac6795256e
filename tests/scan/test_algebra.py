"""Grouped heads, erases along a key, micro-steps and transposed reads, against dense loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqzoo.scan import Transition, Writes, scan, step
from seqzoo.scan.token import transition_at, writes_at
from seqzoo.testing import error_ratio

from .dense import CASES, H, K, R, Sizes, T, V, dense, measured


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_values_and_gradients_are_the_dense_loops(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn()

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            scale=0.7,
            chunk_size=4,
            transposed_read=sizes.transposed,
            backend=backend,
        )

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, [0, T]))
    for name, mine, right in zip(("outputs", "state", *sizes.leaves), found, expected, strict=True):
        assert error_ratio(mine, right) < 1e-10, name


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_packed_sequences_are_apart(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn(batch=1)
    bounds = [0, 1, 1, 6, T]
    generator = torch.Generator().manual_seed(4)
    sizes.leaves["state"] = torch.randn(4, H, V, K, generator=generator, dtype=torch.float64)

    def ours(leaves: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return scan(
            *sizes.arguments(leaves),
            leaves["state"],
            cu_seqlens=torch.tensor(bounds),
            scale=0.7,
            chunk_size=4,
            transposed_read=sizes.transposed,
            backend=backend,
        )

    found = measured(sizes, ours)
    expected = measured(sizes, lambda leaves: dense(sizes, leaves, bounds))
    for mine, right in zip(found, expected, strict=True):
        assert error_ratio(mine, right) < 1e-10


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize("sizes", CASES, ids=str)
def test_steps_and_splits_give_what_one_call_gives(sizes: Sizes, backend: str) -> None:
    sizes = sizes.drawn()
    queries, transition, writes = sizes.arguments(sizes.leaves)
    n, transposed = sizes.steps, sizes.transposed
    whole, final = dense(sizes, sizes.leaves, [0, T])
    state, outputs = sizes.leaves["state"], []
    for t in range(T):
        if n == 1:
            of_token = transition_at(transition, t), writes_at(writes, t)
        else:
            span = {
                name: leaf[:, t * n : (t + 1) * n]
                for name, leaf in sizes.leaves.items()
                if name not in ("queries", "state")
            }
            of_token = sizes.arguments({**span, "queries": queries})[1:]
        output, state = step(
            queries[:, t],
            *of_token,
            state,
            scale=0.7,
            transposed_read=transposed,
            backend=backend,
        )
        outputs.append(output)
    assert error_ratio(torch.stack(outputs, 1), whole) < 1e-12
    assert error_ratio(state, final) < 1e-12


def test_float32_stays_near_float64() -> None:
    for sizes in CASES:
        drawn = sizes.drawn()
        leaves = {name: leaf.float() for name, leaf in drawn.leaves.items()}
        outputs, state = scan(
            *drawn.arguments(leaves),
            leaves["state"],
            scale=0.7,
            transposed_read=sizes.transposed,
        )
        expected, final = dense(drawn, drawn.leaves, [0, T])
        assert error_ratio(outputs, expected) < 1e-5, str(sizes)
        assert error_ratio(state, final) < 1e-5, str(sizes)


@pytest.mark.parametrize("backend", ["reference", "chunked"])
@pytest.mark.parametrize(("batch", "time"), [(0, 3), (2, 0), (0, 0)])
def test_no_token_leaves_the_state_and_a_graph(batch: int, time: int, backend: str) -> None:
    queries = torch.zeros(batch, time, H, K, requires_grad=True)
    keys = torch.zeros(batch, time, R, H, K, requires_grad=True)
    values = torch.zeros(batch, time, R, H, V, requires_grad=True)
    state = torch.ones(batch, H, V, K, requires_grad=True)
    outputs, final = scan(queries, Transition(), Writes(keys, values), state, backend=backend)
    assert outputs.shape == (batch, time, H, V)
    assert torch.equal(final, state)
    sources = (queries, keys, values, state)
    gradients = torch.autograd.grad(outputs.sum() + final.sum(), sources)
    assert [each.shape for each in gradients] == [each.shape for each in sources]
    assert gradients[3].eq(1).all()
