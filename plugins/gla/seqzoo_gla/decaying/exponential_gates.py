"""mLSTM's exponential gates, and the stabiliser that keeps them finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Features, Hint, PreviousToken, Projection, Readout, Stream
from seqzoo.scan import running_maximum
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.decaying.counted import NormalisedReadout, with_ones
from seqzoo_gla.decaying.tied import DecayingInjection, DecayingWrites, TiedDecay

__all__ = ["ExponentialGates", "StabilisedReadout", "StabilisedWrites"]


@dataclass(frozen=True, eq=False)
class StabilisedWrites(DecayingWrites):
    """Writes and decay of a state that is divided by exp(m), (B, T, H)."""

    maximum: Tensor | None = None


class ExponentialGates(DecayingInjection):
    """exp(i_t) [v_t, 1] k_t^T with decay sigmoid(f_t), the state divided by exp(m_t).

    m_t = max(log sigmoid(f_t) + m_{t-1}, i_t), m_0 = 0, is the running maximum of all that is in
    the state (mLSTM, arXiv 2405.04517): strength exp(i_t - m_t), decay
    exp(log sigmoid(f_t) + m_{t-1} - m_t), both at most 1. i and f are soft-capped, c tanh(./c).
    The forget is `tied`, the readout `stabilised`.
    """

    name = "exponential_gates"
    counts = True
    hints: ClassVar = {"input_gate": Hint(decay=False), "forget_gate": Hint(decay=False)}

    class Spec(PartSpec):
        """How a write is made of u; the defaults are xLSTM-7B's (arXiv 2503.13427).

        key, value: projections.
        input_bias: of i before training. forget_bias: of f, from the first head to the last.
        soft_cap: c; null for none.
        """

        key: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        input_bias: float = -10.0
        forget_bias: tuple[float, float] = Field(default=(3.0, 6.0), strict=False)
        soft_cap: float | None = Field(default=15.0, gt=0.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        self.key: Projection = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.input_gate = nn.Linear(dims.width, dims.heads)
        self.forget_gate = nn.Linear(dims.width, dims.heads)
        self.soft_cap, self.previous = spec.soft_cap, PreviousToken()
        with torch.no_grad():
            for gate in (self.input_gate, self.forget_gate):
                gate.weight.zero_()
            self.input_gate.bias.fill_(spec.input_bias)
            self.forget_gate.bias.copy_(torch.linspace(*spec.forget_bias, dims.heads))

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """The decay rescales the state from one maximum to the next, so no other decay is right."""
        if issubclass(forget.part, TiedDecay):
            return ""
        return (
            f"injection '{cls.name}' divides the state by a running maximum, which its own decay "
            f"follows; use forget: tied, not '{forget.part.name}'"
        )

    def forward(self, u: Tensor, stream: Stream) -> StabilisedWrites:
        """u (B, T, D) -> writes of rank R = 1 with values (B, T, 1, H, V + 1)."""
        i = self._capped(self.input_gate(u))
        log_forget = F.logsigmoid(self._capped(self.forget_gate(u)))
        wide = torch.promote_types(i.dtype, torch.float32)
        m_0 = stream.past(self.previous, "token", lambda: stream.zeros(i, i.shape[-1], dtype=wide))
        m = running_maximum(log_forget, i, m_0, stream.cu_seqlens).outputs
        kept = (log_forget + self.previous(m, stream) - m).clamp(max=0)
        keys, values = self.key(u, stream).unsqueeze(2), self.value(u, stream).unsqueeze(2)
        return StabilisedWrites(
            keys, with_ones(values), (i - m).exp().unsqueeze(2), log_decay=kept, maximum=m
        )

    def _capped(self, logits: Tensor) -> Tensor:
        return logits if self.soft_cap is None else self.soft_cap * (logits / self.soft_cap).tanh()


class StabilisedReadout(NormalisedReadout):
    """y = readout(o / (max(|n^T q|, exp(-m)) + epsilon)), n the sum of the written keys (mLSTM).

    In the state's own units the sum of weights is at least 1 in absolute value.
    """

    name = "stabilised"

    class Spec(NormalisedReadout.Spec):
        """epsilon: added to the sum. readout: what is done to the means."""

        readout: PartSpec[Readout] = slot("readout", "multihead")

    @classmethod
    def misfit(cls, spec: PartSpec, injection: PartSpec) -> str:
        """The injection must provide m."""
        if issubclass(injection.part, ExponentialGates):
            return ""
        return (
            f"readout '{cls.name}' needs the running maximum of injection: exponential_gates, not "
            f"'{injection.part.name}'; divide by plain sums with readout: normalised"
        )

    def sums(self, read: Tensor, features: Features) -> Tensor:
        """max(|n^T q|, exp(-m)) (B, T, H, 1)."""
        writes = features.writes
        if not isinstance(writes, StabilisedWrites) or writes.maximum is None:
            raise SpecError(
                f"readout '{self.name}' needs the running maximum of injection: exponential_gates"
            )
        least = writes.maximum.neg().exp().unsqueeze(-1)
        return torch.maximum(read.abs(), least.to(read.dtype))
