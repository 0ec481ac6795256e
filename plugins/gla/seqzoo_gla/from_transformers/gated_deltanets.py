"""Gated DeltaNets: Qwen3-Next, Qwen3.5 and its kin, OLMo-Hybrid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter
from seqzoo_gla.from_transformers.delta_shell import convolved, projections, readout

__all__ = ["CONVERTERS"]


class Matrices(NamedTuple):
    """The matrices between a module's input and the recurrence, rows in the order of heads."""

    queries: Tensor
    keys: Tensor
    values: Tensor
    gate: Tensor
    strength: Tensor
    decay: Tensor


def fused(module: Any) -> Matrices:
    """Qwen3-Next packs by key head: [q | k | v of its heads | z of its heads], and [b | a]."""
    key_heads, width = module.num_k_heads, module.hidden_size
    values, heads = module.value_dim // key_heads, module.num_v_heads // key_heads
    sizes = [module.head_k_dim, module.head_k_dim, values, values]
    qkvz = module.in_proj_qkvz.weight.view(key_heads, -1, width).split(sizes, dim=1)
    ba = module.in_proj_ba.weight.view(key_heads, -1, width).split([heads, heads], dim=1)
    return Matrices(*(each.reshape(-1, width) for each in (*qkvz, *ba)))


def separate(module: Any) -> Matrices:
    """Qwen3.5 has a matrix for [q | k | v], and one each for z, b and a."""
    qkv = module.in_proj_qkv.weight.split([module.key_dim, module.key_dim, module.value_dim])
    gates = (module.in_proj_z, module.in_proj_b, module.in_proj_a)
    return Matrices(*qkv, *(gate.weight for gate in gates))


def qwen3_next(module: Any) -> Converted:
    """A module whose matrices are packed by key head."""
    return gated_deltanet(module, fused(module), module.norm, module.out_proj)


def qwen3_5(module: Any) -> Converted:
    """A module with one matrix per kind."""
    return gated_deltanet(module, separate(module), module.norm, module.out_proj)


def olmo_hybrid(module: Any) -> Converted:
    """A module with six matrices, and strengths up to 2 where `allow_neg_eigval` says so."""
    layers = (module.q_proj, module.k_proj, module.v_proj)
    gates = (module.g_proj, module.b_proj, module.a_proj)
    matrices = Matrices(*(layer.weight for layer in (*layers, *gates)))
    strength = "twice_sigmoid" if module.allow_neg_eigval else "sigmoid"
    return gated_deltanet(module, matrices, module.o_norm, module.o_proj, strength)


def gated_deltanet(
    module: Any, matrices: Matrices, norm: Any, project: Any, strength: str = "sigmoid"
) -> Converted:
    """The preset `gated_deltanet` with the module's sizes and weights."""
    conv = convolved(module)
    spec = {
        "type": "gated_deltanet",
        "heads": module.num_v_heads,
        "key_heads": module.num_k_heads,
        "key_size": module.head_k_dim,
        "value_size": module.head_v_dim,
        "queries": conv,
        "injection": {"key": conv, "value": conv, "strength": strength},
        "readout": readout(norm),
    }
    weights = {
        **projections(module, matrices[:3]),
        "injection.strength.project.weight": matrices.strength,
        "forget.decay.project.weight": matrices.decay,
        "forget.decay.project.bias": module.dt_bias,
        "forget.decay.log_rate": module.A_log,
        "readout.norm.weight": norm.weight,
        "readout.gate.weight": matrices.gate,
        "readout.project.weight": project.weight,
    }
    return Converted(spec, module.hidden_size, weights)


CONVERTERS: Mapping[str, Converter] = {
    "Qwen3NextGatedDeltaNet": qwen3_next,
    "Qwen3_5GatedDeltaNet": qwen3_5,
    "Qwen3_5MoeGatedDeltaNet": qwen3_5,
    "Qwen4ExpTextGatedDeltaNet": qwen3_5,
    "LaraMiniGatedDeltaNet": qwen3_5,
    "OlmoHybridGatedDeltaNet": olmo_hybrid,
}
