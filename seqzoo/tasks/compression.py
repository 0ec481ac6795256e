"""Compression, from the MAD benchmark: recover a whole sequence from its last token.

Random tokens end in a mark. The label at each position is its own token, but the answers come from
a decoder that sees only the mark's features and the position in question, so those features must
hold the whole sequence. The mark itself has no label.

Token ids, two disjoint ranges:

    0               mark: "compress all before"
    1 ... V-1       payload

An example with `length: 6`:

    tokens    7 2 2 11 5 0
    labels    7 2 2 11 5 .
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt

from seqzoo.model import Decoder, LastToken
from seqzoo.spec import PartSpec, slot
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Compression"]


class Compression(SyntheticTask):
    """Recover every token of a sequence from the features of its last one."""

    name = "compression"

    class Spec(SyntheticSpec):
        """Settings of `compression`.

        Attributes:
            decoder: recovers the tokens from the mark's features.
        """

        length: int = Field(default=32, ge=2)
        vocab_size: int = Field(default=16, ge=3)
        test_size: PositiveInt = 1280
        decoder: PartSpec[Decoder] = slot("decoder", LastToken.Spec(), default_type="last_token")

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / (spec.vocab_size - 1))

    @classmethod
    def decoder(cls, spec: Spec) -> PartSpec[Decoder]:
        """The decoder of the spec."""
        return spec.decoder

    def vocabulary(self) -> tuple[Range, ...]:
        """Mark, payload."""
        return in_a_row(("mark", 1), ("payload", self.vocab_size - 1))

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of payload and the mark, each token labelled with itself."""
        mark, payload = self.vocabulary()
        drawn = payload.draw((size, self.length - 1), generator)
        return Batch(F.pad(drawn, (0, 1), value=mark.first), F.pad(drawn, (0, 1), value=IGNORED))
