"""Mamba-2 and its kin: Bamba, Falcon-H1, Granite 4's hybrid, Nemotron-H and Zamba2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]

ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu", "relu": "relu"}


def mamba2(module: Any) -> Converted:
    """Any of them but Falcon-H1 -> `mamba2`."""
    norm = module.norm
    groups = norm.weight.numel() // norm.group_size
    readout = {"epsilon": norm.variance_epsilon, "norm_groups": groups}
    return _mamba2(module, module.in_proj.weight, module.in_proj.bias, readout)


def falcon_h1(module: Any) -> Converted:
    """FalconH1Mixer -> `mamba2`, its multipliers inside the matrix that they multiply."""
    factors = getattr(module, "mup_vector", None)
    why = "it has no mup_vector, which FalconH1Model gives to its layers"
    refuse_unless(factors is not None, module, why)
    assert factors is not None
    factors = factors.flatten()
    projection = module.in_proj
    weight = projection.weight * (module.ssm_in_multiplier * factors).unsqueeze(-1)
    bias = None if projection.bias is None else projection.bias * factors
    readout: dict[str, Any] = {"normed": module.mamba_rms_norm}
    if module.mamba_rms_norm:
        norm = module.norm
        refuse_unless(not norm.norm_before_gate, module, "its norm stands before the gate")
        readout |= {"epsilon": norm.variance_epsilon, "norm_groups": norm.n_groups}
    return _mamba2(module, weight, bias, readout)


def _mamba2(
    module: Any, matrix: Tensor, bias: Tensor | None, readout: Mapping[str, Any]
) -> Converted:
    """in_proj and conv1d are cut into z, x, B, C and dt.

    Args:
        matrix, bias: of in_proj.
        readout: settings of the norm.
    """
    refuse_unless(
        module.activation in ACTIVATIONS, module, f"activation '{module.activation}' has no part"
    )
    one_bias = (bias is None) == (module.out_proj.bias is None)
    refuse_unless(one_bias, module, "one of in_proj and out_proj has a bias, the other has none")
    heads, groups, state = module.num_heads, module.n_groups, module.ssm_state_size
    inner = heads * module.head_dim
    weights: dict[str, Tensor] = {
        "forget.log_rate": module.A_log,
        "readout.skip": module.D,
        "readout.project.weight": module.out_proj.weight,
    }
    if readout.get("normed", True):
        weights["readout.weight"] = module.norm.weight
    sizes = (inner, inner, groups * state, groups * state, heads)
    names = ("readout.gate", "injection.value.project", "injection.key.project", "queries.project")
    names = (*names, "injection.strength.project")
    for name, part in zip(names, matrix.split(sizes), strict=True):
        weights[f"{name}.weight"] = part
    step_bias = module.dt_bias
    if bias is not None:
        *biases, of_step = bias.split(sizes)
        weights |= {f"{name}.bias": part for name, part in zip(names[:-1], biases, strict=True)}
        weights["readout.project.bias"] = module.out_proj.bias
        step_bias = step_bias + of_step
    weights["injection.strength.project.bias"] = step_bias
    for kind in ("weight", "bias"):
        taps = getattr(module.conv1d, kind)
        if taps is not None:
            for name, part in zip(names[1:4], taps.split(sizes[1:4]), strict=True):
                weights[f"{name.removesuffix('project')}conv.{kind}"] = part
    spec = _spec(module, bias is not None)
    spec["readout"] |= readout
    return Converted(spec, matrix.shape[1], weights)


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
        "readout": {"bias": bias},
    }


CONVERTERS: Mapping[str, Converter] = {
    "Mamba2Mixer": mamba2,
    "BambaMixer": mamba2,
    "GraniteMoeHybridMambaLayer": mamba2,
    "NemotronHMamba2Mixer": mamba2,
    "Zamba2MambaMixer": mamba2,
    "FalconH1Mixer": falcon_h1,
}
