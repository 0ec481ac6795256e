"""Mamba-2 and its kin against transformers' modules."""

from typing import Any

import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo_gla import from_transformers

from .parity import REGISTRY, check_parity, filled, modeling

WIDTH, HEADS, SIZE, STATE, GROUPS = 16, 4, 8, 6, 2
COMMON: dict[str, Any] = {"hidden_size": WIDTH, "num_hidden_layers": 1, "vocab_size": 32}
HYBRID = {
    "mamba_n_heads": HEADS,
    "mamba_d_head": SIZE,
    "mamba_d_state": STATE,
    "mamba_n_groups": GROUPS,
    "mamba_chunk_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
KIN: dict[str, tuple[str, dict[str, Any]]] = {
    "mamba2": (
        "Mamba2Mixer",
        {
            "num_heads": HEADS,
            "head_dim": SIZE,
            "state_size": STATE,
            "n_groups": GROUPS,
            "chunk_size": 8,
        },
    ),
    "bamba": ("BambaMixer", {**HYBRID, "attn_layer_indices": []}),
    "granitemoehybrid": ("GraniteMoeHybridMambaLayer", {**HYBRID, "layer_types": ["mamba"]}),
    "nemotron_h": (
        "NemotronHMamba2Mixer",
        {
            "mamba_num_heads": HEADS,
            "mamba_head_dim": SIZE,
            "ssm_state_size": STATE,
            "n_groups": GROUPS,
            "chunk_size": 8,
            "layers_block_type": ["mamba"],
            "time_step_min": 0.4,
        },
    ),
    "zamba2": (
        "Zamba2MambaMixer",
        {
            "n_mamba_heads": HEADS,
            "mamba_headdim": SIZE,
            "mamba_d_state": STATE,
            "mamba_ngroups": GROUPS,
            "chunk_size": 8,
            "layers_block_type": ["mamba"],
            "time_step_min": 0.4,
        },
    ),
}


def built(name: str, **settings: Any) -> Any:
    models = modeling(name)
    kind, sizes = KIN[name]
    config = next(
        getattr(models, each)
        for each in dir(models)
        if each.endswith("Config") and each != "PreTrainedConfig"
    )
    return filled(getattr(models, kind)(config(**COMMON, **sizes, **settings), 0))


@pytest.mark.parametrize("name", KIN)
def test_agrees_with_transformers(name: str) -> None:
    mixer = check_parity(built(name), WIDTH)
    convolved = (HEADS * SIZE + 2 * GROUPS * STATE) * 3
    assert mixer.state_size(100) == HEADS * SIZE * STATE + convolved


FALCON: dict[str, Any] = {
    "mamba_d_ssm": HEADS * SIZE,
    "mamba_n_heads": HEADS,
    "mamba_d_head": SIZE,
    "mamba_d_state": STATE,
    "mamba_n_groups": GROUPS,
    "mamba_chunk_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "ssm_multipliers": [0.5, 1.5, 0.7, 1.2, 2.0],
    "ssm_in_multiplier": 0.8,
}


def falcon_h1(**settings: Any) -> Any:
    """The mixer inside its model, which gives it its multipliers."""
    models = modeling("falcon_h1")
    config = models.FalconH1Config(**COMMON, **FALCON, intermediate_size=16, **settings)
    return filled(models.FalconH1Model(config).layers[0].mamba)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mamba_rms_norm": True, "mamba_norm_before_gate": False},
        {"mamba_proj_bias": True, "projectors_bias": True},
    ],
)
def test_falcon_h1_agrees(settings: dict[str, Any]) -> None:
    check_parity(falcon_h1(**settings), WIDTH)


def test_what_falcon_h1_has_alone_is_refused() -> None:
    with pytest.raises(SpecError, match="its norm stands before the gate"):
        from_transformers(falcon_h1(mamba_rms_norm=True), REGISTRY)
    with pytest.raises(SpecError, match="the other has none"):
        from_transformers(falcon_h1(projectors_bias=True), REGISTRY)
    module = falcon_h1()
    del module.mup_vector
    with pytest.raises(SpecError, match="no mup_vector, which FalconH1Model gives"):
        from_transformers(module, REGISTRY)


def test_biases_are_copied() -> None:
    """That of in_proj for dt is added to dt_bias, of which it cannot be told apart."""
    check_parity(built("mamba2", use_bias=True, use_conv_bias=False), WIDTH)


def test_an_activation_without_a_part_is_refused() -> None:
    module = built("mamba2")
    module.activation = "quick_gelu"
    with pytest.raises(SpecError, match="'quick_gelu' has no part"):
        from_transformers(module, REGISTRY)


def test_gradients_agree_with_transformers() -> None:
    module = built("mamba2")
    mixer = from_transformers(module, REGISTRY)
    x = torch.randn(2, 21, WIDTH, requires_grad=True)
    (mine,) = torch.autograd.grad(mixer(x)[0].square().sum(), x)
    (theirs,) = torch.autograd.grad(module(x).square().sum(), x)
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
