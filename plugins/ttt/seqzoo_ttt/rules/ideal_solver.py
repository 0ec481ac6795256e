"""The rule `ideal_solver`: the update that PRISM imitates, with the state's own read."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators import Activation, Dims, Rule, State
from seqzoo.spec import PartSpec, slot
from seqzoo_ttt.slope import with_slope

__all__ = ["IdealSolverRule"]


class IdealSolverRule(Rule):
    """S_t = S_{t-1} + ((v - act(S_{t-1} k)) * act'(S_{t-1} k)) k^T, read S_t q (PRISM, Eq. 6).

    One step of gradient descent on |v - act(S k)|^2 / 2 with rate 1 (arXiv 2602.10796 v2). With the
    identity and keys of norm 1 it is the delta rule of strength 1. It has no parameters.

    Attributes:
        activation: act, element by element; may be exchanged for another module.
    """

    name = "ideal_solver"

    class Spec(PartSpec):
        """activation: act."""

        activation: PartSpec[Activation] = slot("activation", "gelu")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.dims = dims
        self.activation: Activation = spec.activation.build()

    def start(self, sequences: int, like: Tensor) -> State:
        """S = 0, (N, H, V, K), float32 or wider."""
        dims = self.dims
        dtype = torch.promote_types(like.dtype, torch.float32)
        return like.new_zeros(sequences, dims.heads, dims.value_size, dims.key_size, dtype=dtype)

    def step(self, state: State, token: dict[str, Tensor]) -> tuple[State, Tensor]:
        """S (B, H, V, K) and a token -> S, o (B, H, V)."""
        q, k, v = (token[name].to(state.dtype) for name in ("queries", "keys", "values"))
        read = (state @ k[..., None]).squeeze(-1)
        activated, slope = with_slope(self.activation, read)
        error = (v - activated) * slope
        state = state + error[..., None] * k[..., None, :]
        return state, (state @ q[..., None]).squeeze(-1)
