"""A stand-in for fla's functions: their keywords, layouts and scale, restated as one token loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor


class StandIn:
    """Computes on a CPU what the six functions compute, and notes each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def refusal(self, device: torch.device) -> None:
        """It runs anywhere."""

    def function(self, package: str, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> tuple[Tensor, Tensor]:
            self.calls.append((f"{package}.{name}", arguments))
            return token_loop(**arguments)

        return call


def token_loop(
    *,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    scale: float,
    initial_state: Tensor,
    output_final_state: bool,
    g: Tensor | None = None,
    gk: Tensor | None = None,
    beta: Tensor | None = None,
    normalize: bool = False,
    cu_seqlens: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """S = (I - beta k k^T) D(exp g) S + beta k v^T, o = scale S^T q; S is (N, H, K, V)."""
    assert output_final_state
    assert not normalize
    kind = q.dtype
    q, k, v = q.float(), k.float(), v.float()
    beta = None if beta is None else beta.float()
    bounds = [0, q.shape[1]] if cu_seqlens is None else cu_seqlens.tolist()
    gate = g if gk is None else gk
    outputs, finals = [], []
    for number, (begin, end) in enumerate(pairwise(bounds)):
        state = initial_state if cu_seqlens is None else initial_state[number : number + 1]
        for t in range(begin, end):
            if gate is not None:
                decay = gate[:, t].exp()
                state = state * (decay[..., None, None] if decay.ndim == 2 else decay[..., None])
            value = v[:, t]
            if beta is not None:
                found = torch.einsum("bhk,bhkv->bhv", k[:, t], state)
                value = beta[:, t, :, None] * (value - found)
            state = state + torch.einsum("bhk,bhv->bhkv", k[:, t], value)
            outputs.append(scale * torch.einsum("bhk,bhkv->bhv", q[:, t], state))
        finals.append(state)
    return torch.stack(outputs, 1).to(kind), torch.cat(finals)
