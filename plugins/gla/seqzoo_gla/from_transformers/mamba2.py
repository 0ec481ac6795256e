"""Mamba-2 and its kin: Bamba, Granite 4's hybrid, Nemotron-H and Zamba2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]

ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu", "relu": "relu"}


def mamba2(module: Any) -> Converted:
    """Any of them -> `mamba2`: in_proj and conv1d are cut into z, x, B, C and dt."""
    refuse_unless(
        module.activation in ACTIVATIONS, module, f"activation '{module.activation}' has no part"
    )
    heads, groups, state = module.num_heads, module.n_groups, module.ssm_state_size
    inner = heads * module.head_dim
    weights: dict[str, Tensor] = {
        "forget.log_rate": module.A_log,
        "readout.skip": module.D,
        "readout.weight": module.norm.weight,
        "readout.project.weight": module.out_proj.weight,
    }
    projection = module.in_proj
    sizes = (inner, inner, groups * state, groups * state, heads)
    names = ("readout.gate", "injection.value.project", "injection.key.project", "queries.project")
    names = (*names, "injection.strength.project")
    for name, part in zip(names, projection.weight.split(sizes), strict=True):
        weights[f"{name}.weight"] = part
    step_bias = module.dt_bias
    if projection.bias is not None:
        *biases, of_step = projection.bias.split(sizes)
        weights |= {f"{name}.bias": part for name, part in zip(names[:-1], biases, strict=True)}
        weights["readout.project.bias"] = module.out_proj.bias
        step_bias = step_bias + of_step
    weights["injection.strength.project.bias"] = step_bias
    for kind in ("weight", "bias"):
        taps = getattr(module.conv1d, kind)
        if taps is not None:
            for name, part in zip(names[1:4], taps.split(sizes[1:4]), strict=True):
                weights[f"{name.removesuffix('project')}conv.{kind}"] = part
    return Converted(_spec(module, projection.bias is not None), projection.in_features, weights)


def _spec(module: Any, bias: bool) -> dict[str, Any]:
    made = {
        "bias": bias,
        "kernel_size": module.conv_kernel_size,
        "conv_bias": module.conv1d.bias is not None,
        "activation": ACTIVATIONS[module.activation],
    }
    least, most = module.time_step_limit
    strength: dict[str, Any] = {"type": "softplus"}
    if least > 0 or most < math.inf:
        bound = most if most < math.inf else None
        strength = {"type": "bounded_softplus", "least": least, "most": bound}
    return {
        "type": "mamba2",
        "heads": module.num_heads,
        "key_heads": module.n_groups,
        "key_size": module.ssm_state_size,
        "value_size": module.head_dim,
        "queries": made,
        "injection": {"key": made, "value": made, "strength": strength},
        "readout": {
            "epsilon": module.norm.variance_epsilon,
            "norm_groups": module.norm.weight.numel() // module.norm.group_size,
            "bias": bias,
        },
    }


CONVERTERS: Mapping[str, Converter] = dict.fromkeys(
    (
        "Mamba2Mixer",
        "BambaMixer",
        "GraniteMoeHybridMambaLayer",
        "NemotronHMamba2Mixer",
        "Zamba2MambaMixer",
    ),
    mamba2,
)
