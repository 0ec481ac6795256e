"""RecurrentGemma's recurrent block, Griffin's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]

ACTIVATIONS = {
    "GELUTanh": "gelu_tanh",
    "NewGELUActivation": "gelu_tanh",
    "GELUActivation": "gelu",
    "SiLUActivation": "silu",
}
"""transformers' class of an activation -> its name here."""


def recurrent_block(module: Any) -> Converted:
    """RecurrentGemmaRecurrentBlock -> `rglru`."""
    unit = module.rg_lru
    kind = type(module.act_fn).__name__
    known = ", ".join(ACTIVATIONS)
    refuse_unless(kind in ACTIVATIONS, module, f"its activation is {kind}; known: {known}")
    spec = {
        "type": "rglru",
        "channels": module.lru_width,
        "blocks": unit.num_attention_heads,
        "kernel_size": module.conv1d_width,
        "activation": ACTIVATIONS[kind],
    }
    layers = {
        "linear_y": "beside",
        "linear_x": "inputs",
        "conv_1d": "conv",
        "linear_out": "project",
    }
    weights: dict[str, Tensor] = {"rate": unit.recurrent_param}
    for theirs, ours in layers.items():
        layer = getattr(module, theirs)
        weights |= {f"{ours}.weight": layer.weight, f"{ours}.bias": layer.bias}
    for theirs, ours in (("input_gate", "input_gate"), ("recurrent_gate", "forget_gate")):
        weights[f"{ours}.weight"] = getattr(unit, f"{theirs}_weight").transpose(1, 2)
        weights[f"{ours}.bias"] = getattr(unit, f"{theirs}_bias")
    return Converted(spec, module.hidden_size, weights)


CONVERTERS: Mapping[str, Converter] = {"RecurrentGemmaRecurrentBlock": recurrent_block}
