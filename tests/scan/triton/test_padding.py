"""Heads filled up to multiples of 16: what the kernels are given, and what the caller sees."""

from __future__ import annotations

import torch

from seqzoo.scan.chunked.rows import ScanTensors
from seqzoo.scan.triton.padding import padded


def tensors(key_size: int, value_size: int, by_channel: bool) -> ScanTensors:
    keys = torch.ones(1, 3, 2, 4, key_size)
    gate = torch.ones(1, 3, 4, key_size) if by_channel else torch.ones(1, 3, 4)
    values = torch.ones(1, 3, 2, 4, value_size)
    one = keys[:, :, 0]
    return ScanTensors(one, keys, values, torch.ones(1, 3, 2, 4), gate, one, None, one)


def test_zeros_fill_keys_and_values_and_nothing_else() -> None:
    filled, state = padded(tensors(5, 17, by_channel=True), torch.ones(1, 4, 17, 5))
    assert filled.keys.shape == (1, 3, 2, 4, 16)
    assert filled.values.shape == (1, 3, 2, 4, 32)
    assert filled.queries[..., 5:].abs().sum() == 0
    for tensor in (filled.log_decay, filled.erase_read, filled.erase_write):
        assert tensor is not None
        assert tensor.shape == (1, 3, 4, 16)
    assert filled.strengths is not None
    assert filled.strengths.shape == (1, 3, 2, 4)
    assert state is not None
    assert state.shape == (1, 4, 32, 16)
    assert state.sum() == 4 * 17 * 5


def test_a_decay_of_heads_is_left() -> None:
    filled, _ = padded(tensors(5, 16, by_channel=False), None)
    assert filled.log_decay is not None
    assert filled.log_decay.shape == (1, 3, 4)


def test_whole_heads_are_not_copied() -> None:
    given = tensors(32, 16, by_channel=True)
    state = torch.ones(1, 4, 16, 32)
    filled, same = padded(given, state)
    assert filled.keys is given.keys
    assert same is state
