"""The Forgetting Transformer's attention (FoX): a softmax whose logits decay with every token."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model import Mixer
from seqzoo.model.duality import ATTENTION
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.model.not_finite import find_broken
from seqzoo.operators import Activation, Hint, Norm, Place, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.elementwise.forgetting_cache import ForgettingCache

__all__ = ["ForgettingAttention"]


class ForgettingAttention(Mixer):
    """o_i = sum_j softmax_j(q_i k_j / sqrt(d) + sum_{j<s<=i} log f_s) v_j, f = sigmoid(W_f x + b).

    FoX (arXiv 2503.02130), without positions: the forget gates, one per head, tell near from far.
    The paper's Pro block adds `norm: rms_norm` and `gate: sigmoid`. Documents are kept apart by a
    mask over all pairs of tokens.
    """

    name = "forgetting_attention"
    hints: ClassVar = {"forget": Hint(decay=False)}
    scaling = ATTENTION

    class Spec(PartSpec):
        """Sizes, and what stands around the softmax.

        heads: H; null is one for every 64 features of the width.
        key_heads: heads of keys and values, each shared by H / key_heads queries; null is H.
        norm: of each head's query and key.
        gate: activation of an output gate, y = W_o (act(W_g x) * o); null for none.
        scan: the backend that sums log f.
        """

        heads: PositiveInt | None = None
        key_heads: PositiveInt | None = None
        norm: PartSpec[Norm] = slot("norm", "none")
        gate: PartSpec[Activation] | None = slot("activation", None)
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width = place.width
        self.heads = spec.heads or default_heads(width)
        self.key_heads = spec.key_heads or self.heads
        self.size = width // self.heads
        self.qkv = nn.Linear(width, (self.heads + 2 * self.key_heads) * self.size, bias=False)
        self.query_norm: Norm = spec.norm.build(self.size)
        self.key_norm: Norm = spec.norm.build(self.size)
        self.forget = nn.Linear(width, self.heads)
        self.cache = ForgettingCache(spec.scan.build())
        self.gate = nn.Linear(width, width, bias=False) if spec.gate else None
        self.activation: Activation | None = spec.gate.build() if spec.gate else None
        self.project = nn.Linear(width, width, bias=False)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, or are not a multiple of the key heads."""
        heads = spec.heads or default_heads(width)
        if spec.key_heads and heads % spec.key_heads:
            return (
                f"mixer '{cls.name}': {heads} heads are not a multiple of {spec.key_heads} "
                "key heads; each key head serves the same number of queries"
            )
        return heads_misfit(width, heads, cls.name)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        counts = [self.heads, self.key_heads, self.key_heads]
        q, k, v = self.qkv(x).unflatten(-1, (sum(counts), self.size)).split(counts, dim=2)
        wide = torch.promote_types(x.dtype, torch.float32)
        log_forget = F.logsigmoid(self.forget(x).to(wide))
        seen = self.cache(self.key_norm(k), v, log_forget, stream)
        reads = self._attend(self.query_norm(q), seen.keys, seen.values, seen.bias)
        if self.gate is not None and self.activation is not None:
            reads = reads * self.activation(self.gate(x))
        return self.project(reads)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """q (B, T, H, d), k and v (B, L, G, d), bias (B, H, T, L) -> reads (B, T, H d)."""
        broken = find_broken(k, v)
        if broken is not None:
            k, v = (each.masked_fill(broken[..., None, None], 0.0) for each in (k, v))
        sharing = self.heads // self.key_heads
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        k, v = (each.repeat_interleave(sharing, dim=1) for each in (k, v))
        reads = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        if broken is not None:
            sees = (bias.isfinite() & broken[:, None, None]).any(-1, keepdim=True)
            reads = reads.masked_fill(sees, torch.nan)
        return reads.transpose(1, 2).flatten(2)

    def state_size(self, context: int) -> int:
        """Keys, values and one number a head for all tokens, and how many there are."""
        return context * (2 * self.key_heads * self.size + self.heads) + super().state_size(0)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The softmax over all tokens."""
        heads = f"{counted(self.heads, 'head')} of {self.size}"
        return (
            ("state", f"keys, values and sums of log f of all tokens; {heads}"),
            ("read", self.summary()),
        )
