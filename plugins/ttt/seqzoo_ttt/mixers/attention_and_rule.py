"""Windowed attention with a test-time-trained memory beside it."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.errors import SpecError, counted
from seqzoo.model import Mixer
from seqzoo.model.attention import AttentionMixer
from seqzoo.model.duality import SERIAL, Duality
from seqzoo.model.heads import heads_misfit
from seqzoo.operators import Dims, Hint, Norm, Place, Rule, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["AttentionAndRuleMixer"]

EPSILON = 1e-5


class AttentionAndRuleMixer(Mixer):
    """y = W_o (attention(q, k, v) + s * norm(rule(q', k', v'))), of one W_qkv: LaCT.

    q', k' are the unit vectors of SiLU(a * q + b), turned as the attention turns q and k, and
    v' = SiLU(v); there are fewer and larger heads of them. s = SiLU(w x + c) is of a head. The
    attention sees the nearby tokens, including those of the chunk that the rule has not written
    yet. LaCT (arXiv 2505.23884, its published code).
    """

    name = "attention_and_rule"
    hints: ClassVar = {"scale": Hint(decay=False), "offset": Hint(decay=False)}

    class Spec(PartSpec):
        """The two, and what stands around them.

        heads: of the rule.
        attention: with its own heads and window; all its queries have keys of their own.
        norm: of all features of q together, and of k, before heads are split.
        rule: keys, values and queries -> reads.
        read_norm: of what the rule reads, for each of its heads.
        scaled: whether there is s.
        """

        heads: PositiveInt = 4
        attention: PartSpec[Mixer] = slot("mixer", {"type": "attention", "window": 2048})
        norm: PartSpec[Norm] = slot("norm", "rms_norm")
        rule: PartSpec[Rule] = slot("rule", {"type": "ttt", "rotary": False}, default_type="ttt")
        read_norm: PartSpec[Norm] = slot("norm", "rms_norm")
        scaled: bool = True

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, self.heads = place.width, spec.heads
        attention = spec.attention.build(place)
        if not isinstance(attention, AttentionMixer):
            raise SpecError("mixer 'attention_and_rule': its attention is of type attention")
        own = (attention.gate, attention.anchor.name, attention.query_norm.name)
        if attention.key_heads != attention.heads or own != (None, "identity", "none"):
            raise SpecError(
                "mixer 'attention_and_rule' shares what its attention makes of x: leave key_heads, "
                "anchor, gate and norm out of the attention"
            )
        self.attention = attention
        self.query_norm: Norm = spec.norm.build(width)
        self.key_norm: Norm = spec.norm.build(width)
        self.scale = nn.Parameter(torch.ones(2, width))
        self.offset = nn.Parameter(torch.zeros(2, width))
        size = width // self.heads
        self.rule: Rule = spec.rule.build(Dims(place, self.heads, size, size))
        self.read_norm: Norm = spec.read_norm.build(size)
        self.read_scale = nn.Linear(width, self.heads) if spec.scaled else None

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width."""
        return heads_misfit(width, spec.heads, cls.name)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        attention = self.attention
        q, k, v = attention.qkv(x).chunk(3, dim=-1)
        q, k = self.query_norm(q), self.key_norm(k)
        positions = stream.positions(attention, x)
        near = attention.attend(
            self._turned(q, positions),
            self._turned(k, positions),
            v.unflatten(-1, (attention.heads, -1)),
            positions,
            stream,
        ).flatten(2)
        queries, keys = (
            self._turned(self._unit(each * a + b), positions).flatten(2)
            for each, a, b in zip((q, k), self.scale, self.offset, strict=True)
        )
        queries, keys, values = (
            each.unflatten(-1, (self.heads, -1)) for each in (queries, keys, F.silu(v))
        )
        reads = self.read_norm(self.rule(queries, keys, values, x, stream))
        if self.read_scale is not None:
            reads = reads * F.silu(self.read_scale(x)).unsqueeze(-1)
        return attention.project(near + reads.flatten(2))

    def _turned(self, x: Tensor, positions: Tensor) -> Tensor:
        """(B, T, D) -> the attention's heads, turned by RoPE where it has it."""
        x = x.unflatten(-1, (self.attention.heads, -1))
        rotary = self.attention.rotary
        return x if rotary is None else rotary.turn(x, positions)

    def _unit(self, x: Tensor) -> Tensor:
        """SiLU(x) / (|SiLU(x)| + epsilon) of each of the rule's heads."""
        x = F.silu(x).unflatten(-1, (self.heads, -1))
        return (x / (torch.linalg.vector_norm(x, dim=-1, keepdim=True) + EPSILON)).flatten(2)

    def state_size(self, context: int) -> int:
        """What the rule carries, and the attention's keys and values."""
        attention = self.attention
        return super().state_size(0) + attention.state_size(context) - attention.state_size(0)

    def duality(self) -> Duality:
        """The rule goes chunk by chunk."""
        return SERIAL

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """Attention, and the rule beside it."""
        near = dict(self.attention.recurrence())
        return (
            ("attention", f"{near['state']}; {near['read']}"),
            (f"rule {self.rule.name}", f"{self.rule.summary()} {counted(self.heads, 'head')}"),
        )
