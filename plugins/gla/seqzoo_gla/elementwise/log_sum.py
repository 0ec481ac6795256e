"""The running log-sum-exp, which normalises softmaxes over all tokens so far."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators import Carrier, PreviousToken, Stream
from seqzoo.scan import elementwise_scan, running_maximum

__all__ = ["RunningLogSumExp", "at_most_zero"]


class RunningLogSumExp(Carrier):
    """z_t = log(exp(g_t + z_{t-1}) + exp(x_t)), element by element, from documents' starts."""

    def __init__(self) -> None:
        super().__init__()
        self.previous = PreviousToken()

    def forward(self, x: Tensor, stream: Stream, log_decay: Tensor | None = None) -> Tensor:
        """x (B, T, C), and g <= 0 that broadcasts to it, or 0 -> z (B, T, C), float32 or wider."""
        # m, the running maximum, cancels: it is no more than a unit to count in.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        decay = torch.zeros_like(wide[:1, :1, :1]) if log_decay is None else log_decay
        bounds = stream.cu_seqlens
        m_0 = stream.past(self, "maximum", lambda: None)
        m, m_last = running_maximum(decay.detach(), wide.detach(), m_0, bounds)
        # Before the first token the sum is 0, whatever its unit.
        kept = at_most_zero(decay + self.previous(m, stream) - m)
        sum_0 = stream.past(self, "sum", lambda: None)
        sums, last = elementwise_scan(kept, (wide - m).exp(), sum_0, bounds)
        stream.keep(self, "maximum", m_last)
        stream.keep(self, "sum", last)
        return m + sums.log()


def at_most_zero(log_decay: Tensor) -> Tensor:
    """g, clamped to 0 where rounding took it above; its gradient is unchanged."""
    return log_decay - log_decay.detach().clamp(min=0)
