"""flash-linear-attention's functions: whole sequences in chunks, and single tokens.

Its tensors are (B, T, H, D), its states (B, H, K, V), its decays logarithms, as ours.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from scanning.peers.peer import Peer
from scanning.recurrences import RWKV7_LARGEST_DECAY, Leaves, scale_of

HALVES = (torch.bfloat16, torch.float16)  # its delta rule and delta product refuse float32


def attention_arguments(leaves: Leaves) -> dict[str, Any]:
    """q, k, v, scale and the states."""
    arguments: dict[str, Any] = {
        "q": leaves["queries"],
        "k": leaves["keys"][:, :, 0],
        "v": leaves["values"][:, :, 0],
        "scale": scale_of(leaves),
        "output_final_state": True,
    }
    state: Tensor | None = leaves.get("state")
    if state is not None:
        arguments["initial_state"] = state.transpose(-1, -2).contiguous()
    return arguments


def linear_arguments(leaves: Leaves) -> dict[str, Any]:
    """Without the normaliser."""
    return attention_arguments(leaves) | {"normalize": False}


def decayed_arguments(leaves: Leaves) -> dict[str, Any]:
    """A decay g, per head or per channel."""
    return attention_arguments(leaves) | {"g": leaves["log_decay"]}


def channel_token_arguments(leaves: Leaves) -> dict[str, Any]:
    """The channel decay of fused_recurrent_gla is called gk."""
    return attention_arguments(leaves) | {"gk": leaves["log_decay"]}


def mamba2_arguments(leaves: Leaves) -> dict[str, Any]:
    """The step size on the values, as fla's Mamba-2 does it outside the kernel."""
    steps = leaves["steps"]
    arguments = attention_arguments(leaves)
    values: Tensor = arguments["v"]
    return arguments | {"v": (values * steps.unsqueeze(-1)).to(values.dtype), "g": -steps}


def delta_arguments(leaves: Leaves) -> dict[str, Any]:
    """A strength beta."""
    return attention_arguments(leaves) | {"beta": leaves["strengths"][:, :, 0]}


def gated_delta_arguments(leaves: Leaves) -> dict[str, Any]:
    """Decay g and strength beta."""
    return delta_arguments(leaves) | {"g": leaves["log_decay"]}


def product_arguments(leaves: Leaves) -> dict[str, Any]:
    """The R writes as R delta steps a token: k, v and beta of length R * T, decay before the first.

    Not PRISM: each step erases with its own key, one after another.
    """
    keys, values, strengths = leaves["keys"], leaves["values"], leaves["strengths"]
    return attention_arguments(leaves) | {
        "k": keys.flatten(1, 2),
        "v": values.flatten(1, 2),
        "beta": strengths.flatten(1, 2),
        "g": leaves["log_decay"],
        "num_householder": keys.shape[2],
    }


def rwkv7_arguments(leaves: Leaves) -> dict[str, Any]:
    """r, w, k, v, a (what is read), b (what is written)."""
    arguments = attention_arguments(leaves)
    arguments["r"] = arguments.pop("q")
    return arguments | {"w": leaves["log_decay"], "a": leaves["read"], "b": leaves["write"]}


def rwkv7_bounded_arguments(leaves: Leaves) -> dict[str, Any]:
    """With the bound on the decay that fla's own layer states, which licenses its fast path."""
    bound = {"safe_gate": True, "lower_bound": -RWKV7_LARGEST_DECAY, "chunk_size": 64}
    return rwkv7_arguments(leaves) | bound


LIFTED = (
    "fla refuses its gated backward on Hopper under this Triton (its issue 640): lifted to time it"
)


def lift_refusal() -> str | None:
    """Lifts fla's refusal of its gated backward under Tritons that it found wrong on Hopper, to
    time it, and says so where it stood. Error ratios tell whether its results are right."""
    try:
        module: Any = importlib.import_module("fla.ops.common.chunk_o")
    except Exception:  # not installed, or not importable: the peer says why
        return None
    stands = module.IS_NVIDIA_HOPPER and module.TRITON_ABOVE_3_4_0
    if stands and not getattr(module, "TRITON_ABOVE_3_7_1", True):
        module.TRITON_ABOVE_3_7_1 = True
        _lifted.append(True)
    return LIFTED if _lifted else None


_lifted: list[bool] = []


def _peer(recurrence: str, package: str, function: str, arguments: Any, **options: Any) -> Peer:
    module = f"fla.ops.{package}"
    return Peer(recurrence, "fla-core", module, function, arguments, gpu_only=True, **options)


FLA_CHUNKED = (
    _peer("linear_attention", "linear_attn", "chunk_linear_attn", linear_arguments),
    _peer("simple_gla", "simple_gla", "chunk_simple_gla", decayed_arguments, allow=lift_refusal),
    _peer("mamba2", "simple_gla", "chunk_simple_gla", mamba2_arguments, allow=lift_refusal),
    _peer("gla", "gla", "chunk_gla", decayed_arguments),
    _peer("delta_rule", "delta_rule", "chunk_delta_rule", delta_arguments, dtypes=HALVES),
    _peer(
        "gated_delta_rule",
        "gated_delta_rule",
        "chunk_gated_delta_rule",
        gated_delta_arguments,
        allow=lift_refusal,
    ),
    _peer("kda", "kda", "chunk_kda", gated_delta_arguments),
    _peer("rwkv7", "rwkv7", "chunk_rwkv7", rwkv7_bounded_arguments),
    _peer(
        "prism_head_2",
        "gated_delta_product",
        "chunk_gated_delta_product",
        product_arguments,
        exact=False,
        dtypes=HALVES,
        allow=lift_refusal,
    ),
)

FLA_TOKEN = (
    _peer("linear_attention", "linear_attn", "fused_recurrent_linear_attn", linear_arguments),
    _peer("simple_gla", "simple_gla", "fused_recurrent_simple_gla", decayed_arguments),
    _peer("gla", "gla", "fused_recurrent_gla", channel_token_arguments),
    _peer("delta_rule", "delta_rule", "fused_recurrent_delta_rule", delta_arguments),
    _peer(
        "gated_delta_rule",
        "gated_delta_rule",
        "fused_recurrent_gated_delta_rule",
        gated_delta_arguments,
    ),
    _peer("kda", "kda", "fused_recurrent_kda", gated_delta_arguments),
    _peer("rwkv7", "rwkv7", "fused_recurrent_rwkv7", rwkv7_arguments),
)
