"""Softmax attention, the mixer all others are measured against."""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import counted
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.model.mixer import Mixer
from seqzoo.model.packed_attention import packed_attention, window_mask
from seqzoo.model.rotary import rotate
from seqzoo.operators import State
from seqzoo.operators.packing import place_in_document
from seqzoo.spec import PartSpec

__all__ = ["AttentionMixer"]


class AttentionMixer(Mixer):
    """Causal softmax attention, with RoPE or without, over all tokens or a window of the last."""

    name = "attention"

    class Spec(PartSpec):
        """heads: H; null is one for every 64 features of the width.

        position: rope, or none.
        window: tokens seen, the current one included; null is all.
        """

        heads: PositiveInt | None = None
        position: Literal["rope", "none"] = "rope"
        window: PositiveInt | None = None

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__(spec, width)
        self.heads = spec.heads or default_heads(width)
        self.head_size = width // self.heads
        self.rope = spec.position == "rope"
        self.window = spec.window
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=False)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, or leave RoPE an odd number of features."""
        heads = spec.heads or default_heads(width)
        uneven = heads_misfit(width, heads, cls.name)
        if uneven or spec.position != "rope" or (width // heads) % 2 == 0:
            return uneven
        return (
            f"mixer 'attention': RoPE turns pairs of features, and width {width} with {heads} "
            f"heads leaves an odd head of {width // heads}; change either, or set position: none"
        )

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (B, T, D), state -> y (B, T, D), state."""
        before = self.start(x) if state is None else state
        shape = (3, self.heads, self.head_size)
        q, k, v = self.qkv(x).unflatten(-1, shape).permute(2, 0, 3, 1, 4)
        if self.rope:
            positions = before["position"].unsqueeze(1) + torch.arange(x.shape[1], device=x.device)
            q, k = rotate(q, positions), rotate(k, positions)
        k = torch.cat([before["keys"].to(k.dtype), k], dim=2)
        v = torch.cat([before["values"].to(v.dtype), v], dim=2)
        plain = self.window is None and k.shape[2] == x.shape[1]
        mask = None if plain else window_mask(x.shape[1], k.shape[2], self.window, x.device)
        reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=plain)
        y = self.project(reads.transpose(1, 2).flatten(2))
        kept = k.shape[2] if self.window is None else min(k.shape[2], self.window - 1)
        after = {
            "keys": k[:, :, k.shape[2] - kept :],
            "values": v[:, :, v.shape[2] - kept :],
            "position": before["position"] + x.shape[1],
        }
        return y, after

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, D) of documents side by side -> y (1, T, D)."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, self.head_size)).unbind(2)
        if self.rope:
            positions = place_in_document(cu_seqlens, x).unsqueeze(0)
            q, k = (rotate(each.transpose(1, 2), positions).transpose(1, 2) for each in (q, k))
        reads = packed_attention(q, k, v, cu_seqlens, self.window)
        return self.project(reads.flatten(2))

    def start(self, like: Tensor) -> State:
        """No keys and values yet: (B, H, 0, d) each; position (B,) counts tokens seen."""
        shape = (like.shape[0], self.heads, 0, self.head_size)
        return {
            "keys": like.new_zeros(shape),
            "values": like.new_zeros(shape),
            "position": torch.zeros(like.shape[0], dtype=torch.long, device=like.device),
        }

    def state_size(self, context: int) -> int:
        """Keys and values of all tokens kept, and the position."""
        kept = context if self.window is None else min(context, self.window - 1)
        return 2 * kept * self.width + 1

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The softmax over all tokens kept."""
        seen = "all tokens" if self.window is None else f"the last {counted(self.window, 'token')}"
        heads = f"{counted(self.heads, 'head')} of {self.head_size}"
        return (
            ("state", f"keys and values of {seen}; {heads}"),
            ("read", "o_t = sum_s softmax_s(q_t k_s / sqrt(d)) v_s over s <= t"),
        )
