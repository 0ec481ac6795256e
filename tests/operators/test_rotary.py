"""Rotary positions turn pairs, and of an odd number of features all but one at most."""

import pytest
import torch

from seqzoo.operators import Rotary, RotarySpec, Stream


@pytest.mark.parametrize("size", [2, 3, 5, 6, 7, 11])
def test_the_shape_stays_and_lengths_too(size: int) -> None:
    x = torch.randn(1, 4, 2, size, dtype=torch.float64)
    rotary = Rotary(RotarySpec(), size)
    turned = rotary(x, Stream.over(x))
    assert rotary.turned == size // 2 * 2
    assert turned.shape == x.shape
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[:, 0], x[:, 0])
    assert not torch.allclose(turned[:, 1:], x[:, 1:])
