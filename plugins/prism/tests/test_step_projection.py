import pytest
import torch

from seqzoo_prism.step_projection import StepProjection


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rank", [None, 3, "quarter"])
def test_each_step_is_a_matrix_of_its_own(rank, bias: bool) -> None:
    torch.manual_seed(0)
    part = StepProjection(8, 3, 5, rank, bias=bias).double()
    u = torch.randn(2, 4, 8, dtype=torch.float64)
    found = part(u)
    assert found.shape == (2, 4, 3, 5)
    for step in range(3):
        if part.up is None:
            rows = slice(5 * step, 5 * step + 5)
            expected = u @ part.down.weight[rows].T
            expected = expected + part.down.bias[rows] if bias else expected
        else:
            width = 2 if rank == "quarter" else 3
            rows = slice(width * step, width * step + width)
            thin = u @ part.down.weight[rows].T
            thin = thin + part.down.bias[rows] if bias else thin
            expected = thin @ part.up[step].T
        torch.testing.assert_close(found[:, :, step], expected)
    assert (part.down.bias is not None) == bias


def test_thin_matrices_begin_as_those_of_torch() -> None:
    torch.manual_seed(0)
    part = StepProjection(64, 4, 64, 16)
    assert part.up is not None
    assert 0.99 / 4 < float(part.up.detach().abs().max()) <= 1 / 4
