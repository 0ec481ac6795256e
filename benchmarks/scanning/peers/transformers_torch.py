"""transformers' torch fallbacks: what its models run where no kernel is installed.

Where fla is installed the same names call fla, so the functions below their wrappers are taken.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scanning.peers.peer import Peer
from scanning.recurrences import Leaves

CHUNK = 64  # its functions' own choice, and Mamba-2's here


def delta_arguments(leaves: Leaves) -> dict[str, Any]:
    """Gated delta rule and KDA; they scale by K ** -0.5 themselves."""
    state: Tensor | None = leaves.get("state")
    return {
        "query": leaves["queries"],
        "key": leaves["keys"][:, :, 0],
        "value": leaves["values"][:, :, 0],
        "g": leaves["log_decay"],
        "beta": leaves["strengths"][:, :, 0],
        "initial_state": None if state is None else state.transpose(-1, -2).contiguous(),
        "output_final_state": True,
    }


def mamba2_arguments(leaves: Leaves) -> dict[str, Any]:
    """x, dt, A, B, C with one group a head; it has no scale, so C carries it."""
    queries, steps = leaves["queries"], leaves["steps"]
    return {
        "hidden_states": leaves["values"][:, :, 0],
        "dt": steps,
        "A": -torch.ones(steps.shape[-1], device=steps.device),
        "B": leaves["keys"][:, :, 0],
        "C": queries * queries.shape[-1] ** -0.5,
        "chunk_size": CHUNK,
        "initial_states": leaves.get("state"),
        "return_final_states": True,
    }


def _peer(recurrence: str, model: str, function: str, arguments: Any, **options: Any) -> Peer:
    module = f"transformers.models.{model}.modeling_{model}"
    return Peer(recurrence, "transformers", module, function, arguments, unwrap=True, **options)


TRANSFORMERS_CHUNKED = (
    _peer("gated_delta_rule", "qwen3_next", "torch_chunk_gated_delta_rule", delta_arguments),
    _peer("kda", "kimi_linear", "chunk_kimi_delta_attention", delta_arguments),
    _peer("mamba2", "mamba2", "mamba2_chunk_scan", mamba2_arguments, state_v_first=True),
)

TRANSFORMERS_TOKEN = (
    _peer("gated_delta_rule", "qwen3_next", "torch_recurrent_gated_delta_rule", delta_arguments),
    _peer("kda", "kimi_linear", "recurrent_kimi_delta_attention", delta_arguments),
)
