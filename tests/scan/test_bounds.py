"""Bounds that do not cover the pack are refused, with the numbers that came."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Transition, Writes, scan

T, H, K = 5, 3, 4


@pytest.mark.parametrize("bounds", [[0, 3, 2, 5], [1, 5], [0, 4], [0, 6]])
def test_bounds_must_cover_the_pack(bounds):
    first = torch.zeros(1, T, H, K), torch.zeros(1, T, 1, H, K)
    with pytest.raises(ValueError, match=r"start at 0, never fall, and end at T = 5; got \["):
        scan(first[0], Transition(), Writes(first[1], first[1]), cu_seqlens=torch.tensor(bounds))
