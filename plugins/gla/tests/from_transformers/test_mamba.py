"""Mamba-1's layer against transformers' modules."""

import pytest

import seqzoo
from seqzoo.errors import SpecError
from seqzoo_gla import from_transformers

from .parity import REGISTRY, check_parity, filled, modeling

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 32}


@pytest.mark.parametrize("keys", [{}, {"use_bias": True, "use_conv_bias": False, "conv_kernel": 3}])
def test_mamba_agrees(keys: dict[str, object]) -> None:
    models = modeling("mamba")
    config = models.MambaConfig(**TINY, state_size=5, **keys)
    check_parity(filled(models.MambaMixer(config, 0)), 16)


def test_jamba_agrees() -> None:
    models = modeling("jamba")
    keys = {"mamba_d_state": 5, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = models.JambaConfig(**TINY, **keys, attn_layer_offset=0, attn_layer_period=2)
    check_parity(filled(models.JambaMambaMixer(config, 0)), 16)


def test_falcon_mamba_agrees() -> None:
    models = modeling("falcon_mamba")
    config = models.FalconMambaConfig(**TINY, state_size=5, mixer_rms_eps=1e-3)
    check_parity(filled(models.FalconMambaMixer(config, 0, initialize_mixer_weights=False)), 16)


def test_zamba_agrees() -> None:
    models = modeling("zamba")
    config = models.ZambaConfig(
        **{**TINY, "num_hidden_layers": 3},
        n_mamba_heads=2,
        mamba_d_state=5,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    check_parity(filled(models.ZambaMambaMixer(config, 0)), 16)


def test_another_activation_is_refused() -> None:
    models = modeling("mamba")
    module = models.MambaMixer(models.MambaConfig(**TINY, hidden_act="relu"), 0)
    with pytest.raises(SpecError, match="this MambaMixer: its activation is relu"):
        from_transformers(module, REGISTRY)


def test_a_default_mixer_has_the_shapes_of_a_default_module() -> None:
    """At equal sizes our defaults are Mamba's: the same number of parameters."""
    models = modeling("mamba")
    module = models.MambaMixer(models.MambaConfig(**TINY), 0)
    mixer = seqzoo.build_mixer("mamba1", 16, REGISTRY)
    counts = [sum(each.numel() for each in m.parameters()) for m in (module, mixer)]
    assert counts[0] == counts[1]
