"""xLSTM-7B's mLSTM layer, as transformers holds it where the package xlstm is absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]


def mlstm(module: Any) -> Converted:
    """xLSTMLayer -> `mlstm`, with its matrices single or fused."""
    config = module.config
    refuse_unless(not config.use_bias, module, "use_bias has no counterpart in 'mlstm'")
    sizes = (module.qk_dim, module.qk_dim, module.v_dim, module.v_dim)
    if config.weight_mode == "single":
        matrices = [each.weight for each in (module.q, module.k, module.v, module.ogate_preact)]
        gates = [(each.weight, each.bias) for each in (module.igate_preact, module.fgate_preact)]
    else:
        matrices = list(module.qkv_opreact.weight.split(sizes))
        fused = module.ifgate_preact
        gates = list(zip(fused.weight.chunk(2), fused.bias.chunk(2), strict=True))
    names = ("queries", "injection.key", "injection.value")
    weights: dict[str, Tensor] = {
        f"{name}.project.weight": matrix for name, matrix in zip(names, matrices[:3], strict=True)
    }
    for name, (weight, bias) in zip(("input_gate", "forget_gate"), gates, strict=True):
        weights |= {f"injection.{name}.weight": weight, f"injection.{name}.bias": bias}
    weights |= {
        "readout.readout.gate.weight": matrices[3],
        "readout.readout.weight": module.multihead_norm.weight,
        "readout.readout.project.weight": module.out_proj.weight,
    }
    heads = config.num_heads
    spec = {
        "type": "mlstm",
        "heads": heads,
        "key_size": module.qk_dim // heads,
        "value_size": module.v_dim // heads,
        "injection": {"soft_cap": config.gate_soft_cap},
        "readout": {
            "epsilon": config.eps,
            "readout": {
                "type": "multihead",
                "norm": {"type": "layer_norm", "epsilon": config.norm_eps, "affine": False},
            },
        },
    }
    return Converted(spec, config.hidden_size, weights)


CONVERTERS: Mapping[str, Converter] = {"xLSTMLayer": mlstm}
