"""Softmax attention, the mixer that all others are compared with."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model.duality import ATTENTION, LINEAR, Duality
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.model.key_value_cache import cache_mask, continued_attention, right_aligned
from seqzoo.model.mixer import Mixer
from seqzoo.model.not_finite import find_broken, mark_broken
from seqzoo.model.packed_attention import packed_attention, window_mask
from seqzoo.operators import (
    Activation,
    Anchor,
    Dims,
    Norm,
    Place,
    Rotary,
    RotarySpec,
    Stream,
)
from seqzoo.spec import PartSpec, slot

__all__ = ["AttentionMixer"]


class AttentionMixer(Mixer):
    """Causal softmax attention, with RoPE or without, over all tokens or the last `window`."""

    name = "attention"

    class Spec(PartSpec):
        """Sizes, and the options around the softmax.

        heads: H; null is one for every 64 features of the width.
        key_heads: heads of keys and values, each shared by H / key_heads queries; null is H.
        window: tokens seen, the current one included; null is all.
        rotary: rotary position embedding of queries and keys; null for none.
        norm: of each head's query and key, before they are turned.
        anchor: x -> u, of which queries, keys and values are made.
        gate: activation of an output gate, y = W_o (act(W_g x) * reads); null for none.
        """

        heads: PositiveInt | None = None
        key_heads: PositiveInt | None = None
        window: PositiveInt | None = None
        rotary: RotarySpec | None = RotarySpec()
        norm: PartSpec[Norm] = slot("norm", "none")
        anchor: PartSpec[Anchor] = slot("anchor", "identity")
        gate: PartSpec[Activation] | None = slot("activation", None)

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width = place.width
        self.heads = spec.heads or default_heads(width)
        self.key_heads = spec.key_heads or self.heads
        size = width // self.heads
        self.window = spec.window
        self.anchor = spec.anchor.build(Dims(place, self.heads, size, size, self.key_heads))
        self.qkv = nn.Linear(width, (self.heads + 2 * self.key_heads) * size, bias=False)
        self.query_norm = spec.norm.build(size)
        self.key_norm = spec.norm.build(size)
        self.rotary = Rotary(spec.rotary, size) if spec.rotary else None
        self.gate = nn.Linear(width, width, bias=False) if spec.gate else None
        self.activation = spec.gate.build() if spec.gate else None
        self.project = nn.Linear(width, width, bias=False)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, or leave RoPE an odd number of features."""
        heads = spec.heads or default_heads(width)
        uneven = heads_misfit(width, heads, cls.name)
        if uneven:
            return uneven
        if spec.key_heads and heads % spec.key_heads:
            return (
                f"mixer 'attention': {heads} heads are not a multiple of {spec.key_heads} "
                "key heads; each key head serves the same number of queries"
            )
        if spec.rotary is None or (width // heads) % 2 == 0:
            return ""
        return (
            f"mixer 'attention': RoPE turns pairs of features, and width {width} with {heads} "
            f"heads leaves an odd head of {width // heads}; change either, or set rotary: null"
        )

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        counts = [self.heads, self.key_heads, self.key_heads]
        size = self.place.width // self.heads
        q, k, v = self.qkv(u).unflatten(-1, (sum(counts), size)).split(counts, dim=2)
        q, k = self.query_norm(q), self.key_norm(k)
        positions = stream.positions(self, x)
        if self.rotary is not None:
            q, k = self.rotary.turn(q, positions), self.rotary.turn(k, positions)
        reads = self.attend(q, k, v, positions, stream).flatten(2)
        if self.gate is not None and self.activation is not None:
            reads = reads * self.activation(self.gate(x))
        return self.project(reads)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, positions: Tensor, stream: Stream) -> Tensor:
        """The softmax over cached and new tokens, for a mixer that makes q, k and v in its own way.

        q (B, T, H, d), k and v (B, T, G, d), `stream.positions` of this mixer (B, T) -> reads (B,
        T, H, d).
        """
        past_keys = stream.past(self, "keys", lambda: stream.zeros(k, 0, *k.shape[2:]))
        past_values = stream.past(self, "values", lambda: stream.zeros(v, 0, *v.shape[2:]))
        if stream.cu_seqlens is not None:
            return self._attend_documents(q, k, v, past_keys, past_values, stream)
        new, past = k.shape[1], past_keys.shape[1]
        k = torch.cat([past_keys.to(k.dtype), k], dim=1)
        v = torch.cat([past_values.to(v.dtype), v], dim=1)
        kept = past + new if self.window is None else min(past + new, self.window - 1)
        stream.keep(self, "keys", k[:, past + new - kept :])
        stream.keep(self, "values", v[:, past + new - kept :])
        mask = None
        if past:
            mask = cache_mask(positions, past + new, self.window)
        elif self.window is not None:
            mask = window_mask(new, new, self.window, k.device)
        broken = find_broken(k, v)
        if broken is not None:
            k, v = (each.masked_fill(broken[..., None, None], 0.0) for each in (k, v))
        q, k, v = (each.transpose(1, 2) for each in (q, self._to_heads(k), self._to_heads(v)))
        reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        reads = reads.transpose(1, 2)
        return reads if broken is None else mark_broken(reads, broken, self.window)

    def _attend_documents(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        stream: Stream,
    ) -> Tensor:
        cu_seqlens, window = stream.cu_seqlens, self.window
        assert cu_seqlens is not None
        stream.keep(self, "keys", lambda: right_aligned(past_keys, k, cu_seqlens, window))
        stream.keep(self, "values", lambda: right_aligned(past_values, v, cu_seqlens, window))
        keys, values = self._to_heads(k), self._to_heads(v)
        if past_keys.shape[1] == 0:
            broken = find_broken(keys, values)
            if broken is None:
                return packed_attention(q, keys, values, cu_seqlens, window)
            keys, values = (x.masked_fill(broken[..., None, None], 0.0) for x in (keys, values))
            reads = packed_attention(q, keys, values, cu_seqlens, window)
            return mark_broken(reads, broken, window, cu_seqlens)
        caches = self._to_heads(past_keys), self._to_heads(past_values)
        before = stream.past(self, "position", lambda: stream.zeros(k, dtype=torch.long))
        return continued_attention(q, keys, values, *caches, before, cu_seqlens, window)

    def _to_heads(self, x: Tensor) -> Tensor:
        """(..., G, d) -> (..., H, d), each key head for the queries that share it."""
        sharing = self.heads // self.key_heads
        return x if sharing == 1 else x.repeat_interleave(sharing, dim=-2)

    def state_size(self, context: int) -> int:
        """Keys and values of all cached tokens, the position, and what the anchor carries."""
        kept = context if self.window is None else min(context, self.window - 1)
        size = self.place.width // self.heads
        return 2 * kept * self.key_heads * size + super().state_size(0)

    def duality(self) -> Duality:
        """All tokens, or a window of constant size."""
        return ATTENTION if self.window is None else LINEAR

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The softmax over all cached tokens."""
        seen = "all tokens" if self.window is None else f"the last {counted(self.window, 'token')}"
        heads = f"{counted(self.heads, 'head')} of {self.place.width // self.heads}"
        if self.key_heads != self.heads:
            heads += f" on {counted(self.key_heads, 'key head')}"
        anchor = (f"anchor {self.anchor.name}", self.anchor.summary())
        return (
            ("state", f"keys and values of {seen}; {heads}"),
            *((anchor,) if self.anchor.name != "identity" else ()),
            ("read", "o_t = sum_s softmax_s(q_t k_s / sqrt(d)) v_s over s <= t"),
        )
