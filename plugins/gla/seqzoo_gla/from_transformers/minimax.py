"""MiniMax's lightning attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]


def lightning(module: Any) -> Converted:
    """MiniMaxLightningAttention -> `lightning`: qkv_proj holds [q, k, v] of each head in turn."""
    heads, size = module.num_attention_heads, module.head_dim
    activation = type(module.act_fn).__name__.lower().removesuffix("activation")
    refuse_unless(activation == "silu", module, f"activation '{activation}' is not SiLU")
    width = module.qkv_proj.in_features
    qkv = module.qkv_proj.weight.view(heads, 3, size, width).transpose(0, 1).flatten(1, 2)
    names = ("queries", "injection.key", "injection.value")
    weights = {f"{name}.project.weight": part for name, part in zip(names, qkv, strict=True)}
    weights |= {
        "readout.norm.weight": module.norm.weight,
        "readout.gate.weight": module.output_gate.weight,
        "readout.project.weight": module.out_proj.weight,
    }
    factor = 1 - module.layer_idx / (module.num_hidden_layers - 1 + 1e-5) + 1e-5
    spec = {
        "type": "lightning",
        "heads": heads,
        "key_size": size,
        "value_size": size,
        "forget": {"factor": factor},
        "readout": {"norm": {"epsilon": module.norm.variance_epsilon}},
    }
    return Converted(spec, width, weights)


CONVERTERS: Mapping[str, Converter] = {"MiniMaxLightningAttention": lightning}
