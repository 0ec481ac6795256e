"""Mamba-1's layer in Mamba, Falcon-Mamba, Jamba and Zamba."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless

__all__ = ["CONVERTERS"]


def mamba(module: Any) -> Converted:
    """MambaMixer -> `mamba1`."""
    return _mamba(module, {}, {})


def falcon_mamba(module: Any) -> Converted:
    """FalconMambaMixer -> `mamba1` with norms that have no weights."""
    norm = {"type": "rms_norm", "epsilon": module.rms_eps, "affine": False}
    return _mamba(module, {"norm": norm}, {})


def jamba(module: Any) -> Converted:
    """JambaMambaMixer -> `mamba1` with norms of the step and its vectors."""
    norms = {
        "rank_norm.weight": module.dt_layernorm.weight,
        "write_norm.weight": module.b_layernorm.weight,
        "read_norm.weight": module.c_layernorm.weight,
    }
    norm = {"type": "rms_norm", "epsilon": module.dt_layernorm.variance_epsilon}
    return _mamba(module, {"norm": norm}, norms)


def zamba(module: Any) -> Converted:
    """ZambaMambaMixer -> `mamba1` in heads; its projection holds x and z channel by channel."""
    converted = _mamba(
        module,
        {"heads": module.n_mamba_heads},
        {
            "select.weight": module.x_proj_weight,
            "step_size.weight": module.dt_proj_weight,
            "step_size.bias": module.dt_proj_bias,
            "log_rate": module.A_log.flatten(0, 1),
            "skip": module.D.flatten(),
        },
    )
    weights = dict(converted.weights)
    for name in ("project_in.weight", "project_in.bias"):
        if name in weights:
            weights[name] = weights[name].unflatten(0, (-1, 2)).transpose(0, 1).flatten(0, 1)
    return Converted(converted.spec, converted.width, weights)


def _mamba(module: Any, changes: Mapping[str, Any], other: Mapping[str, Tensor]) -> Converted:
    refuse_unless(module.activation == "silu", module, f"its activation is {module.activation}")
    channels, width = module.intermediate_size, module.hidden_size
    refuse_unless(
        channels % width == 0, module, f"{channels} channels are not a multiple of {width}"
    )
    spec = {
        "type": "mamba1",
        "expand": channels // width,
        "state_size": module.ssm_state_size,
        "rank": module.time_step_rank,
        "kernel_size": module.conv_kernel_size,
        "conv_bias": module.use_conv_bias,
        "bias": module.use_bias,
        **changes,
    }
    weights = {
        "project_in.weight": module.in_proj.weight,
        "conv.weight": module.conv1d.weight,
        "project.weight": module.out_proj.weight,
    }
    if module.use_conv_bias:
        weights["conv.bias"] = module.conv1d.bias
    if module.use_bias:
        weights["project_in.bias"] = module.in_proj.bias
        weights["project.bias"] = module.out_proj.bias
    if "select.weight" not in other:
        heads = (1, channels)
        weights |= {
            "select.weight": module.x_proj.weight.unsqueeze(0),
            "step_size.weight": module.dt_proj.weight.unsqueeze(0),
            "step_size.bias": module.dt_proj.bias.view(heads),
            "log_rate": module.A_log,
            "skip": module.D,
        }
    return Converted(spec, width, {**weights, **other})


CONVERTERS: Mapping[str, Converter] = {
    "MambaMixer": mamba,
    "FalconMambaMixer": falcon_mamba,
    "JambaMambaMixer": jamba,
    "ZambaMambaMixer": zamba,
}
