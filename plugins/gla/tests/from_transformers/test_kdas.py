"""Kimi Delta Attention and Kimi Linear's attention against transformers' modules."""

from typing import Any

import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo_gla import from_transformers

from .parity import REGISTRY, check_parity, filled, modeling

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


def attention(**changes: Any) -> Any:
    models = modeling("kimi_linear")
    sizes = {"num_attention_heads": 2, "kv_lora_rank": 12, "qk_nope_head_dim": 6, "v_head_dim": 5}
    sizes |= {"qk_rope_head_dim": 4, "num_key_value_heads": 2, "q_lora_rank": None, **changes}
    config = models.KimiLinearConfig(**SIZES, **sizes)
    config._attn_implementation = "eager"
    return filled(models.KimiLinearAttention(config, layer_idx=1))


def causal(module: Any, x: torch.Tensor) -> torch.Tensor:
    length = x.shape[1]
    mask = torch.full((length, length), -torch.inf).triu(1)
    return module(x, mask[None, None])[0]


def test_latent_attention_agrees() -> None:
    check_parity(attention(), WIDTH, causal)


def test_low_rank_queries_are_refused() -> None:
    with pytest.raises(SpecError, match="its queries are of low rank"):
        from_transformers(attention(q_lora_rank=8), REGISTRY)
