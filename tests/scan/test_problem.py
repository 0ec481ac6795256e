"""What a problem knows of itself without reading its tensors."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqzoo.scan import Transition, Writes, scan
from seqzoo.scan.check import check_scan

T, H, K = 5, 3, 4


def test_bounds_are_read_when_a_backend_asks():
    """Not on a device where it costs a wait: what does without them sees shapes only."""
    queries, keys = (
        torch.zeros(1, T, H, K, device="meta"),
        torch.zeros(1, T, 1, H, K, device="meta"),
    )
    bounds = torch.zeros(3, dtype=torch.int32, device="meta")
    problem = check_scan(queries, Transition(), Writes(keys, keys), cu_seqlens=bounds)
    assert problem.num_sequences == 2
    assert problem.initial_state().shape == (2, H, K, K)
    problem = replace(problem, cu_seqlens=torch.tensor([0, 2, 5]))
    assert problem.bounds == (0, 2, 5)
    with pytest.raises(ValueError, match="end at T = 5; got"):
        _ = replace(problem, cu_seqlens=torch.tensor([0, 2, 4])).bounds


@pytest.mark.parametrize("backend", ["reference", "chunked"])
def test_no_sequences_leave_outputs_and_a_state_with_a_graph(backend):
    shapes = (0, 5, 2, 4), (0, 5, 1, 2, 4), (0, 5, 1, 2, 3)
    queries, keys, values = (torch.randn(shape, requires_grad=True) for shape in shapes)
    result = scan(queries, Transition(), Writes(keys, values), backend=backend)
    total = result.outputs.sum() + result.state.sum()
    gradients = torch.autograd.grad(total, (keys, values))
    assert [gradient.shape for gradient in gradients] == [keys.shape, values.shape]
