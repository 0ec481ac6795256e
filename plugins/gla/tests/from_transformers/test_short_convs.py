"""LFM2's and LFM3's convolutions against transformers' modules."""

import pytest

from .parity import check_parity, filled, modeling


@pytest.mark.parametrize(("name", "kernel_size"), [("lfm2", 3), ("lfm2_moe", 3), ("lfm3", 7)])
@pytest.mark.parametrize("bias", [False, True])
def test_agrees_with_transformers(name: str, kernel_size: int, bias: bool) -> None:
    models = modeling(name)
    title = name.title().replace("_", "")
    config = getattr(models, f"{title}Config")(
        hidden_size=16,
        num_hidden_layers=2,
        vocab_size=32,
        layer_types=["conv", "full_attention"],
        num_attention_heads=2,
        num_key_value_heads=2,
        conv_bias=bias,
    )
    module = filled(getattr(models, f"{title}ShortConv")(config, 0))
    mixer = check_parity(module, 16)
    assert mixer.state_size(100) == 16 * (kernel_size - 1)
