"""Multi-head latent attention: keys and values of all heads from one short vector per token."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model import Mixer
from seqzoo.model.duality import ATTENTION
from seqzoo.model.heads import default_heads
from seqzoo.model.key_value_cache import cache_mask, continued_attention, right_aligned
from seqzoo.model.not_finite import find_broken, mark_broken
from seqzoo.model.packed_attention import packed_attention
from seqzoo.operators import Norm, Place, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["LatentAttention"]


class LatentAttention(Mixer):
    """o_t = sum_s softmax_s(q_t [k_s, r_s] / sqrt(d)) v_s, [k, v] = W_u norm(c), [c, r] = W_d x.

    MLA (arXiv 2405.04434) without positions, as in Kimi Linear (arXiv 2510.26692): c is the latent
    of all heads, r a part of the keys that they share, d the features of [k, r]. A token leaves
    only [norm(c), r], from which keys and values are made again at every call.
    """

    name = "latent_attention"
    scaling = ATTENTION

    class Spec(PartSpec):
        """Sizes; the defaults keep Kimi Linear's proportions.

        heads: H; null is one for every 64 features of the width.
        key_size: features of k; null is width / heads, or 1 if that is no whole number.
        value_size: features of v, not more than those of [k, r]; null is key_size.
        shared_size: features of r; null is half of key_size.
        rank: features of c; null is 4 * key_size.
        norm: of c.
        """

        heads: PositiveInt | None = None
        key_size: PositiveInt | None = None
        value_size: PositiveInt | None = None
        shared_size: NonNegativeInt | None = None
        rank: PositiveInt | None = None
        norm: PartSpec[Norm] = slot("norm", {"type": "rms_norm", "epsilon": 1e-6})

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width = place.width
        self.heads = spec.heads or default_heads(width)
        self.key_size = spec.key_size or max(1, width // self.heads)
        self.value_size = spec.value_size or self.key_size
        shared = self.key_size // 2 if spec.shared_size is None else spec.shared_size
        self.sizes = [spec.rank or 4 * self.key_size, shared]
        self.queries = nn.Linear(width, self.heads * (self.key_size + shared), bias=False)
        self.compress = nn.Linear(width, sum(self.sizes), bias=False)
        self.norm: Norm = spec.norm.build(self.sizes[0])
        both = self.heads * (self.key_size + self.value_size)
        self.expand = nn.Linear(self.sizes[0], both, bias=False)
        self.project = nn.Linear(self.heads * self.value_size, width, bias=False)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Values longer than keys."""
        key_size = spec.key_size or max(1, width // (spec.heads or default_heads(width)))
        longest = key_size + (key_size // 2 if spec.shared_size is None else spec.shared_size)
        if (spec.value_size or 0) <= longest:
            return ""
        return (
            f"mixer '{cls.name}': value_size {spec.value_size} is more than the {longest} features "
            "of a key, key_size + shared_size; make one of them larger"
        )

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        q = self.queries(x).unflatten(-1, (self.heads, -1))
        c, r = self.compress(x).split(self.sizes, dim=-1)
        left = torch.cat([self.norm(c), r], dim=-1).unsqueeze(2)
        if stream.cu_seqlens is None:
            reads = self._attend(q, left, stream)
        else:
            reads = self._attend_documents(q, left, stream, stream.cu_seqlens)
        return self.project(reads.flatten(2))

    def _attend(self, q: Tensor, left: Tensor, stream: Stream) -> Tensor:
        """q (B, T, H, d), what tokens leave (B, T, 1, rank + shared) -> reads (B, T, H, V)."""
        past = stream.past(self, "latents", lambda: stream.zeros(left, 0, *left.shape[2:]))
        positions = stream.positions(self, left)
        seen = torch.cat([past.to(left.dtype), left], dim=1)
        stream.keep(self, "latents", seen)
        broken = find_broken(seen, seen)
        if broken is not None:
            seen = seen.masked_fill(broken[..., None, None], 0.0)
        mask = cache_mask(positions, seen.shape[1], None) if past.shape[1] else None
        q, k, v = (each.transpose(1, 2) for each in (q, *self._expanded(seen)))
        reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        reads = reads.transpose(1, 2)
        return reads if broken is None else mark_broken(reads, broken, None)

    def _attend_documents(
        self, q: Tensor, left: Tensor, stream: Stream, cu_seqlens: Tensor
    ) -> Tensor:
        """The same for documents side by side."""
        past = stream.past(self, "latents", lambda: stream.zeros(left, 0, *left.shape[2:]))
        before = stream.past(self, "position", lambda: stream.zeros(left, dtype=torch.long))
        stream.positions(self, left)
        stream.keep(self, "latents", lambda: right_aligned(past, left, cu_seqlens, None))
        broken = find_broken(left, left) if past.shape[1] == 0 else None
        known = left if broken is None else left.masked_fill(broken[..., None, None], 0.0)
        k, v = self._expanded(known)
        longer = (0, k.shape[-1] - v.shape[-1])  # keys and values of documents are equally long
        v = F.pad(v, longer)
        if past.shape[1]:
            past_k, past_v = self._expanded(past.to(left.dtype))
            past_v = F.pad(past_v, longer)
            reads = continued_attention(q, k, v, past_k, past_v, before, cu_seqlens, None)
        else:
            reads = packed_attention(q, k, v, cu_seqlens, None)
        reads = reads[..., : self.value_size]
        return reads if broken is None else mark_broken(reads, broken, None, cu_seqlens)

    def _expanded(self, left: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, 1, rank + shared) -> keys (B, L, H, d) and values (B, L, H, V)."""
        c, r = left.split(self.sizes, dim=-1)
        sizes = [self.key_size, self.value_size]
        k, v = self.expand(c.squeeze(2)).unflatten(-1, (self.heads, -1)).split(sizes, dim=-1)
        return torch.cat([k, r.expand(-1, -1, self.heads, -1)], dim=-1), v

    def state_size(self, context: int) -> int:
        """A latent and a shared part of the keys for all tokens, and how many there are."""
        return context * sum(self.sizes) + super().state_size(0)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The softmax over all tokens."""
        rank, shared = self.sizes
        heads = f"{counted(self.heads, 'head')} of {self.key_size} + {shared}"
        return (
            ("state", f"latents of {rank} and shared keys of {shared} of all tokens; {heads}"),
            ("read", self.summary()),
        )
