"""LightNet's keys: shares of a softmax over all tokens so far."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators import Dims, PreviousToken, Projection, Stream
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.decaying.tied import DecayingInjection, DecayingWrites
from seqzoo_gla.elementwise.log_sum import RunningLogSumExp

__all__ = ["RunningSoftmax"]


class RunningSoftmax(DecayingInjection):
    """v_t k_t^T with k_t = exp(W u_t - z_t) and decay exp(z_{t-1} - z_t), z the running logsumexp.

    Each key channel of the state is the mean of all values so far under a softmax of that channel's
    logits over the tokens: a token's share is taken from all others (LightNet, arXiv 2405.21022).
    """

    name = "running_softmax"

    class Spec(PartSpec):
        """key: makes the logits of u. value: a projection of u."""

        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        self.key: Projection = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.log_sum, self.previous = RunningLogSumExp(), PreviousToken()

    def forward(self, u: Tensor, stream: Stream) -> DecayingWrites:
        """u (B, T, D) -> writes of rank R = 1, keys in (0, 1]."""
        logits = self.key(u, stream)
        z = self.log_sum(logits.flatten(2), stream)
        begun = torch.ones_like(z[..., :1])
        z_before, begun = self.previous(torch.cat([z, begun], -1), stream).split(
            [z.shape[-1], 1], -1
        )
        # A first token finds an empty state, of which nothing is kept whatever its decay.
        log_decay = torch.where(begun > 0, z_before - z, 0.0).clamp(max=0)
        keys = (logits.flatten(2) - z).exp().unflatten(-1, logits.shape[2:])
        values = self.value(u, stream).unsqueeze(2)
        log_decay = log_decay.unflatten(-1, logits.shape[2:])
        return DecayingWrites(keys.unsqueeze(2), values, log_decay=log_decay)
