"""Softmax attention of the same shape: what the linear recurrences replace."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from scanning.peers.peer import Peer
from scanning.recurrences import Leaves, scale_of


def causal_attention(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """Causal attention, (B, T, H, K) -> (B, T, H, V); torch picks the kernel (flash on a GPU)."""
    q, k, v = (tensor.transpose(1, 2) for tensor in (queries, keys, values))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale).transpose(1, 2)


def _arguments(leaves: Leaves) -> dict[str, Any]:
    return {
        "queries": leaves["queries"],
        "keys": leaves["keys"][:, :, 0],
        "values": leaves["values"][:, :, 0],
        "scale": scale_of(leaves),
    }


ATTENTION = Peer("linear_attention", "torch", __name__, "causal_attention", _arguments, exact=False)
