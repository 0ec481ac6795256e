"""The rule of every memory: gated DeltaNet, behind convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Memory, ShortConv, Stream, unit_norm
from seqzoo.operators.gates.softplus import LEAST_STEP, softplus_bias
from seqzoo.scan import Erase, Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo_gla.delta.mom.writes import Written

__all__ = ["MemoryRule"]

EPSILON = 1e-6


class MemoryRule(nn.Module):
    """S_t = alpha_t S_{t-1} (I - beta k k^T) + beta v k^T, o = S q / sqrt(K), for any memory.

    Args:
        keys: H, K.
        values: H, V.
        kernel_size: of the convolutions of q, k and v, each with SiLU behind it.
        scan: the backend.
    """

    def __init__(
        self, keys: tuple[int, int], values: tuple[int, int], kernel_size: int, scan: ScanPart
    ) -> None:
        super().__init__()
        (heads, size), self.keys, self.values = keys, keys, values
        self.query_conv, self.key_conv, self.value_conv = (
            ShortConv(each[0] * each[1], kernel_size) for each in (keys, keys, values)
        )
        rates = torch.empty(heads).uniform_(0.0, 16.0).clamp_min(LEAST_STEP)
        self.log_rate = nn.Parameter(rates.log())
        self.step_bias = nn.Parameter(softplus_bias(heads, 1e-3, 1e-1))
        self.memory = Memory(scan, size**-0.5)

    def forward(self, queries: Tensor, written: Written, stream: Stream) -> Tensor:
        """queries (B, T, H * K), and what is written -> reads (B, T, H, V)."""
        q, k, v = (
            F.silu(conv(each, stream)).unflatten(-1, sizes)
            for conv, each, sizes in (
                (self.query_conv, queries, self.keys),
                (self.key_conv, written.keys, self.keys),
                (self.value_conv, written.values, self.values),
            )
        )
        beta = written.strengths.sigmoid()
        log_decay = -self.log_rate.exp() * F.softplus(written.steps + self.step_bias)
        writes = Writes(unit_norm(k, EPSILON).unsqueeze(2), v.unsqueeze(2), beta.unsqueeze(2))
        transition = Transition(log_decay, Erase(strength=beta))
        return self.memory(unit_norm(q, EPSILON), transition, writes, stream)
