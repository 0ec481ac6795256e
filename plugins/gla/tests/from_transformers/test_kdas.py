"""Kimi Delta Attention against transformers' modules."""

from typing import Any

import pytest

from .parity import check_parity, filled, modeling

WIDTH = 32
SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "vocab_size": 16,
    "rms_norm_eps": 1e-4,
}
MODULES = {
    "kimi_linear": ("KimiLinearConfig", "KimiLinearDeltaAttention"),
    "glm5_next": ("Glm5NextTextConfig", "Glm5NextTextLinearAttention"),
    "bailing_hybrid": ("BailingHybridConfig", "BailingHybridDeltaAttention"),
}


def module(name: str, **changes: Any) -> Any:
    models = modeling(name)
    config, layer = (getattr(models, each) for each in MODULES[name])
    settings = config(**SIZES, linear_num_heads=2, linear_head_dim=16, **changes)
    return filled(layer(settings, layer_idx=0))


@pytest.mark.parametrize(
    ("name", "changes", "lower"),
    [
        ("kimi_linear", {}, None),
        ("glm5_next", {"linear_lower_bound": -5.0}, -5.0),
        ("glm5_next", {"linear_lower_bound": None}, None),
        ("bailing_hybrid", {"kda_safe_gate": True, "kda_lower_bound": -4.0}, -4.0),
        ("bailing_hybrid", {"kda_safe_gate": False}, None),
    ],
)
def test_agrees_with_transformers(name: str, changes: dict[str, Any], lower: float | None) -> None:
    mixer: Any = check_parity(module(name, **changes), WIDTH)
    assert mixer.forget.decay.lower == lower
