"""MiniMax's lightning attention against transformers' module."""

import pytest
import torch
from torch import Tensor, nn

from .parity import check_parity, filled, modeling


def call(module: nn.Module, x: Tensor) -> Tensor:
    """The module takes positions and a mask, and uses no positions."""
    return module(x, None, None)[0]


@pytest.mark.parametrize("layer", [0, 2])
def test_agrees_with_transformers(layer: int) -> None:
    models = modeling("minimax")
    config = models.MiniMaxConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        vocab_size=32,
        block_size=8,
        layer_types=["linear_attention"] * 3,
    )
    module = filled(models.MiniMaxLightningAttention(config, layer))
    mixer = check_parity(module, 16, call)
    assert mixer.state_size(100) == 4 * 8 * 8
    assert torch.equal(mixer.get_parameter("readout.norm.weight"), module.norm.weight)
