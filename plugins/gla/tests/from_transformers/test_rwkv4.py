"""RWKV-4's time mix against transformers' module."""

import pytest

from .parity import check_parity, filled, modeling


@pytest.mark.parametrize("channels", [16, 24])
def test_agrees_with_transformers(channels: int) -> None:
    models = modeling("rwkv")
    config = models.RwkvConfig(
        hidden_size=16, attention_hidden_size=channels, num_hidden_layers=2, vocab_size=32
    )
    module = filled(models.RwkvSelfAttention(config, 0))
    mixer = check_parity(module, 16, lambda module, x: module(x)[0])
    assert mixer.get_parameter("log_rate").shape == (channels,)
