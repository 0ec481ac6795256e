"""The rule `m2rnn`: a non-linear RNN whose state is a matrix."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims, Hint, Rule, State, Stream
from seqzoo.operators.gates.softplus import LEAST_STEP, softplus_bias
from seqzoo.spec import PartSpec

__all__ = ["M2rnnRule"]

LARGEST_RATE = 16.0
STEPS = (1e-3, 1e-1)


class M2rnnRule(Rule):
    """S_t = f S_{t-1} + (1 - f) tanh(S_{t-1} W + k v^T), o_t = S_t^T q + d v (M2RNN).

    W (V, V) of each head is the identity at first, d is 1, and f = exp(-exp(a) softplus(w u + b)),
    where at first exp(a) is uniform in [0, 16] and softplus(b) log-uniform in [0.001, 0.1], so that
    heads keep what they hold for a few tokens or for thousands. Here S is (K, V), as its source
    (lm-engine, arXiv 2603.14360) writes it.
    """

    name = "m2rnn"
    hints: ClassVar = {
        "transition": Hint(decay=False),
        "forget": Hint(decay=False),
        "skip": Hint(decay=False),
    }

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.dims = dims
        heads, size = dims.heads, dims.value_size
        self.transition = nn.Parameter(torch.eye(size).repeat(heads, 1, 1))
        self.forget = nn.Linear(dims.width, heads)
        with torch.no_grad():
            self.forget.bias.copy_(softplus_bias(heads, *STEPS))
        rates = torch.empty(heads).uniform_(0.0, LARGEST_RATE).clamp_min(LEAST_STEP)
        self.log_rate = nn.Parameter(rates.log())
        self.skip = nn.Parameter(torch.ones(heads, size))

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """f (B, T, H), in (0, 1)."""
        return {"forgets": torch.exp(-self.log_rate.exp() * F.softplus(self.forget(u)))}

    def start(self, sequences: int, like: Tensor) -> State:
        """S = 0, (N, H, K, V), float32 or wider."""
        dims = self.dims
        dtype = torch.promote_types(like.dtype, torch.float32)
        return like.new_zeros(sequences, dims.heads, dims.key_size, dims.value_size, dtype=dtype)

    def step(self, state: State, token: dict[str, Tensor]) -> tuple[State, Tensor]:
        """S (B, H, K, V) and a token -> S, o (B, H, V)."""
        q, k, v, f = (
            token[name].to(state.dtype) for name in ("queries", "keys", "values", "forgets")
        )
        f = f[..., None, None]
        written = k[..., None] * v[..., None, :]
        new = torch.tanh(state @ self.transition.to(state.dtype) + written)
        state = f * state + (1 - f) * new
        read = (q[..., None, :] @ state).squeeze(-2)
        return state, read + self.skip.to(state.dtype) * v
