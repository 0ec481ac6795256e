"""Gated DeltaNets against transformers' modules."""

from typing import Any

import pytest

from .parity import check_parity, filled, modeling

WIDTH = 32
SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "vocab_size": 16,
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 16,
    "rms_norm_eps": 1e-4,
}
MODULES = {
    "qwen3_next": ("Qwen3NextConfig", "Qwen3NextGatedDeltaNet"),
    "qwen3_5": ("Qwen3_5TextConfig", "Qwen3_5GatedDeltaNet"),
    "qwen3_5_moe": ("Qwen3_5MoeTextConfig", "Qwen3_5MoeGatedDeltaNet"),
    "qwen4_exp": ("Qwen4ExpTextConfig", "Qwen4ExpTextGatedDeltaNet"),
    "lara_mini": ("LaraMiniConfig", "LaraMiniGatedDeltaNet"),
    "olmo_hybrid": ("OlmoHybridConfig", "OlmoHybridGatedDeltaNet"),
}


def module(name: str, **changes: Any) -> Any:
    models = modeling(name)
    config, layer = (getattr(models, each) for each in MODULES[name])
    return filled(layer(config(**SIZES, **changes), layer_idx=0))


@pytest.mark.parametrize("name", MODULES)
def test_agrees_with_transformers(name: str) -> None:
    check_parity(module(name), WIDTH)


def test_negative_eigenvalues_and_other_gates_are_the_modules() -> None:
    mixer = check_parity(module("olmo_hybrid", linear_allow_neg_eigval=True), WIDTH)
    assert mixer.get_submodule("injection.strength").name == "twice_sigmoid"
    mixer = check_parity(module("olmo_hybrid", linear_allow_neg_eigval=False), WIDTH)
    assert mixer.get_submodule("injection.strength").name == "sigmoid"
    mixer = check_parity(module("qwen4_exp", output_gate_type="sigmoid"), WIDTH)
    assert mixer.get_submodule("readout.activation").name == "sigmoid"


def test_another_activation_is_refused() -> None:
    from seqzoo.errors import SpecError
    from seqzoo_gla import from_transformers

    with pytest.raises(SpecError, match="cannot convert this Qwen3NextGatedDeltaNet: it has relu"):
        from_transformers(module("qwen3_next", hidden_act="relu"))
