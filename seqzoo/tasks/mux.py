"""A multiplexer: a selector chooses which of the channels after it is the answer.

A selector, one token for each channel, and a mark stand side by side somewhere in noise. The
channels' tokens are all different, and the label is the selected one.

Token ids, five disjoint ranges, with C = `channels` and P = (V - 2 - C) // 2:

    0                  query: the last token of every sequence
    1                  mark
    2 ... C+1          selectors of channel 0 ... C-1
    C+2 ... C+P+1      payload: what stands in the channels, and the answers
    C+P+2 ... V-1      noise

An example with `length: 9, vocab_size: 32, channels: 2`: selector 1 at position 2, uniform among
those that fit,

    tokens   29 21   3 12  7  1   30 18   0
    labels    .  .   .  .  .  .    .  .   7        channel 1 holds 7
"""

from __future__ import annotations

import torch
from pydantic import Field, ValidationInfo, field_validator

from seqzoo.tasks.placing import one_block
from seqzoo.tasks.synthetic import (
    SyntheticSpec,
    SyntheticTask,
    labelled_at_the_end,
    or_fewer,
)
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Mux"]


class Mux(SyntheticTask):
    """The token of the selected channel, in noise, asked at the last position."""

    name = "mux"

    class Spec(SyntheticSpec):
        """Settings of `mux`.

        Attributes:
            channels: C, tokens to choose from.
        """

        channels: int = Field(default=2, ge=2)

        @field_validator("channels")
        @classmethod
        def _channels_fit(cls, channels: int, info: ValidationInfo) -> int:
            length, vocab_size = info.data.get("length"), info.data.get("vocab_size")
            if length is not None and channels + 3 > length:
                raise ValueError(
                    f"the selector, {channels} channels, the mark and the query do not fit into "
                    f"length {length}; use length >= {channels + 3}"
                    f"{or_fewer('channels', length - 3, 2)}"
                )
            if vocab_size is not None and vocab_size < 3 * channels + 2:
                raise ValueError(
                    f"{channels} channels need a vocabulary of at least {3 * channels + 2}: the "
                    f"query, the mark, a selector and two more tokens each; got {vocab_size}"
                )
            return channels

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming one of the channels, without the selector.
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / spec.channels)

    def vocabulary(self) -> tuple[Range, ...]:
        """Query, mark, selectors, payload, noise."""
        channels = self.spec.channels
        payload = (self.vocab_size - 2 - channels) // 2
        noise = self.vocab_size - 2 - channels - payload
        fixed = (("query", 1), ("mark", 1), ("selectors", channels), ("payload", payload))
        return in_a_row(*fixed, ("noise", noise))

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with selector, channels and mark, and the query at the end."""
        channels = self.spec.channels
        query, mark, selectors, payload, noise = self.vocabulary()
        selector = selectors.draw((size, 1), generator)
        choices = payload.draw_distinct(size, channels, generator)
        block = torch.cat((selector, choices, torch.full((size, 1), mark.first)), dim=1)
        tokens = one_block(block, self.length, query, noise, generator)
        return labelled_at_the_end(tokens, choices.gather(1, selector - selectors.first).squeeze(1))
