"""Kimi Delta Attention in Kimi Linear, GLM-5.3-Flash and Ling-3, and Kimi Linear's attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from seqzoo_gla.from_transformers.converted import Converted, Converter, refuse_unless
from seqzoo_gla.from_transformers.delta_shell import convolved, projections, readout

__all__ = ["CONVERTERS"]


def low_rank(module: Any) -> Converted:
    """Kimi Linear and GLM: W_up W_down for the decay and for the output gate."""
    gate, size = module.forget_gate, module.head_dim
    matrices = {
        "forget.decay.project.0.weight": gate.f_a_proj.weight,
        "forget.decay.project.1.weight": gate.f_b_proj.weight,
        "forget.decay.project.1.bias": gate.dt_bias,
        "readout.gate.0.weight": module.g_a_proj.weight,
        "readout.gate.1.weight": module.g_b_proj.weight,
    }
    return kda(module, getattr(gate, "safe_gate_lower_bound", None), size, matrices)


def full_rank(module: Any) -> Converted:
    """Ling-3: one matrix each."""
    gate = module.forget_gate
    matrices = {
        "forget.decay.project.weight": gate.f_proj.weight,
        "forget.decay.project.bias": gate.dt_bias,
        "readout.gate.weight": module.g_proj.weight,
    }
    return kda(module, gate.lower_bound if gate.safe_gate else None, None, matrices)


def kda(
    module: Any, lower: float | None, rank: int | None, matrices: Mapping[str, Tensor]
) -> Converted:
    """The preset `kda` with the module's sizes and weights."""
    conv, size = convolved(module), module.head_dim
    spec = {
        "type": "kda",
        "heads": module.num_heads,
        "key_size": size,
        "value_size": size,
        "queries": conv,
        "injection": {"key": conv, "value": conv},
        "forget": {"decay": {"type": "kda_decay", "lower": lower, "rank": rank}},
        "readout": {**readout(module.o_norm), "rank": rank},
    }
    layers = (module.q_proj, module.k_proj, module.v_proj)
    weights = {
        **projections(module, (layers[0].weight, layers[1].weight, layers[2].weight)),
        **matrices,
        "injection.strength.project.weight": module.b_proj.weight,
        "forget.decay.log_rate": module.forget_gate.A_log.flatten(),
        "readout.norm.weight": module.o_norm.weight,
        "readout.project.weight": module.o_proj.weight,
    }
    return Converted(spec, module.hidden_size, weights)


def latent_attention(module: Any) -> Converted:
    """Kimi Linear's other layer -> `latent_attention`."""
    refuse_unless(module.q_proj is not None, module, "its queries are of low rank")
    refuse_unless(module.o_proj.bias is None, module, "its matrices have biases")
    norm = module.kv_a_layernorm
    spec = {
        "type": "latent_attention",
        "heads": module.num_heads,
        "key_size": module.qk_nope_head_dim,
        "value_size": module.v_head_dim,
        "shared_size": module.qk_rope_head_dim,
        "rank": module.kv_lora_rank,
        "norm": {"type": "rms_norm", "epsilon": norm.variance_epsilon},
    }
    weights = {
        "queries.weight": module.q_proj.weight,
        "compress.weight": module.kv_a_proj_with_mqa.weight,
        "norm.weight": norm.weight,
        "expand.weight": module.kv_b_proj.weight,
        "project.weight": module.o_proj.weight,
    }
    return Converted(spec, module.hidden_size, weights)


CONVERTERS: Mapping[str, Converter] = {
    "KimiLinearAttention": latent_attention,
    "KimiLinearDeltaAttention": low_rank,
    "Glm5NextTextLinearAttention": low_rank,
    "BailingHybridDeltaAttention": full_rank,
}
