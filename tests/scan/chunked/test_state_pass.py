"""The pass between chunks, and its gradient, against autograd and sequences one by one."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan.chunked.state_pass import ChunkSteps, carry, carry_back

V, K = 3, 4


@pytest.mark.parametrize("kind", ["matrix", "head", "channel", "none"])
@pytest.mark.parametrize(("total", "lanes"), [(2, [2, 2, 2]), (4, [3, 3, 1]), (1, [1])])
def test_both_directions(total, lanes, kind):
    generator = torch.Generator().manual_seed(0)
    chunks = sum(lanes)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    shapes = {"matrix": (chunks, K, K), "head": (chunks, 1, 1), "channel": (chunks, 1, K)}
    step = normal(*shapes[kind]) if kind in shapes else None
    steps = ChunkSteps(step, None) if kind == "matrix" else ChunkSteps(None, step)
    first = normal(total, V, K).requires_grad_()
    added = normal(chunks, V, K).requires_grad_()

    # lane by lane, in the layout's order
    starts: list[torch.Tensor] = [torch.empty(0)] * chunks
    finals = []
    for lane in range(total):
        state, row = first[lane], lane
        for running in lanes:
            if lane >= running:
                break
            starts[row] = state
            moved = state
            if step is not None:
                moved = state @ step[row] if kind == "matrix" else state * step[row]
            state = moved + added[row]
            row += running
        finals.append(state)
    expected = torch.stack(starts), torch.stack(finals)

    found = carry(torch.cat((first, added)).detach(), steps, lanes)
    assert all(torch.allclose(*pair) for pair in zip(found, expected, strict=True))

    of_starts, of_finals = normal(chunks, V, K), normal(total, V, K)
    loss = (expected[0] * of_starts).sum() + (expected[1] * of_finals).sum()
    of_first, of_added = torch.autograd.grad(loss, (first, added))
    ends, before = carry_back(torch.cat((of_starts, of_finals)), steps, lanes)
    assert torch.allclose(ends, of_added)
    assert torch.allclose(before, of_first)
