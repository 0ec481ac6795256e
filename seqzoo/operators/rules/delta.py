"""The delta rule as a serial rule: what the parallel scan computes, one token after another."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from seqzoo.operators.hints import Hint
from seqzoo.operators.place import Dims
from seqzoo.operators.rules.rule import Rule
from seqzoo.operators.stream import State, Stream
from seqzoo.spec import PartSpec

__all__ = ["DeltaRule"]


class DeltaRule(Rule):
    """S_t = S_{t-1} + beta_t (v_t - S_{t-1} k_t) k_t^T, o_t = S_t q_t (DeltaNet, arXiv 2406.06484).

    One step of gradient descent on |S k - v|^2 / 2. The recurrent mixer computes the same in
    parallel; this serial form is a reference for other rules.
    """

    name = "delta"
    hints: ClassVar = {"strength": Hint(decay=False)}

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.dims = dims
        self.strength = nn.Linear(dims.width, dims.heads, bias=False)

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """beta (B, T, H)."""
        return {"strengths": self.strength(u).sigmoid()}

    def start(self, sequences: int, like: Tensor) -> State:
        """S = 0, (N, H, V, K), float32 or wider."""
        dims = self.dims
        dtype = torch.promote_types(like.dtype, torch.float32)
        return like.new_zeros(sequences, dims.heads, dims.value_size, dims.key_size, dtype=dtype)

    def step(self, state: State, token: dict[str, Tensor]) -> tuple[State, Tensor]:
        """S (B, H, V, K) and a token -> S, o (B, H, V)."""
        q, k, v, beta = (
            token[name].to(state.dtype) for name in ("queries", "keys", "values", "strengths")
        )
        error = v - (state @ k[..., None]).squeeze(-1)
        state = state + (beta[..., None] * error)[..., None] * k[..., None, :]
        return state, (state @ q[..., None]).squeeze(-1)
