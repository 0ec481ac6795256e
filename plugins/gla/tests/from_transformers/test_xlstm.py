"""xLSTM-7B's mLSTM layer against transformers' module."""

import pytest

from .parity import check_parity, filled, modeling


@pytest.mark.parametrize("mode", ["single", "fused"])
def test_agrees_with_transformers(mode: str) -> None:
    models = modeling("xlstm")
    config = models.xLSTMConfig(
        hidden_size=16,
        num_hidden_layers=1,
        vocab_size=32,
        num_heads=2,
        chunk_size=8,
        weight_mode=mode,
        mode="inference",
        return_last_states=True,
    )
    module = filled(models.xLSTMLayer(config))
    mixer = check_parity(module, 16, lambda module, x: module(x)[0])
    assert mixer.state_size(100) == 2 * (4 * (8 + 1) + 1)
