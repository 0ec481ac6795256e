"""Terms that make no transition are refused as they are made."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Erase

B, T, H, K = 2, 5, 3, 4


def test_erase_takes_exactly_one_of_strength_and_write():
    with pytest.raises(ValueError, match="exactly one of strength and write, got neither"):
        Erase()
    with pytest.raises(ValueError, match="exactly one of strength and write, got both"):
        Erase(strength=torch.zeros(B, T, H), write=torch.zeros(B, T, H, K))
