"""Griffin's recurrent block against transformers' module."""

import pytest
import torch
from torch import Tensor, nn

from .parity import check_parity, filled, modeling


def call(module: nn.Module, x: Tensor) -> Tensor:
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    mask = torch.ones(x.shape[:2])
    return module(x, positions, mask, use_cache=False)[0]


@pytest.mark.parametrize("activation", ["gelu_pytorch_tanh", "silu"])
def test_agrees_with_transformers(activation: str) -> None:
    models = modeling("recurrent_gemma")
    config = models.RecurrentGemmaConfig(
        hidden_size=16,
        lru_width=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        vocab_size=32,
        hidden_activation=activation,
    )
    module = filled(models.RecurrentGemmaRecurrentBlock(config, 0))
    check_parity(module, 16, call)
