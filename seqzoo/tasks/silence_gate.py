"""Recall with gates: in a record `gate key value`, a gate that is OFF makes the answer NULL.

Records stand at random places in noise, each with its own gate, ON or OFF by a fair coin. The end
queries one key; the label stands at the queried key, the last token: the key's value if its gate is
ON, NULL if it is OFF.

Token ids, six disjoint ranges; Q = (V - 4) // 3:

    0               null: the answer where the gate is OFF; never in the input
    1               query
    2 3             gates OFF and ON
    4 ... Q+3       keys
    Q+4 ... 2Q+3    values: the answers where the gate is ON
    2Q+4 ... V-1    noise

An example with `length: 9, vocab_size: 32, records: 1` (Q = 9), and one with the other gate:

    tokens   29 24   3  8 17   30   26   1  8
    labels    .  .   .  .  .    .    .   . 17
    tokens   29 24   2  8 17   30   26   1  8
    labels    .  .   .  .  .    .    .   .  0
"""

from __future__ import annotations

import torch
from pydantic import PositiveInt, ValidationInfo, field_validator

from seqzoo.errors import counted
from seqzoo.tasks.placing import place, starts_of_blocks
from seqzoo.tasks.synthetic import (
    SyntheticSpec,
    SyntheticTask,
    labelled_at_the_end,
    or_fewer,
)
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["SilenceGate"]

RECORD = 3  # gate, key, value
QUESTION = 2  # query, key


class SilenceGate(SyntheticTask):
    """The value of a key, or NULL where its gate is off, asked at the last position."""

    name = "silence_gate"
    # Answering NULL always is right half the time.
    metric = Metric("accuracy", higher_is_better=True, chance=0.5)

    class Spec(SyntheticSpec):
        """Settings of `silence_gate`.

        Attributes:
            records: gated pairs a sequence, with different keys; with one, the key is irrelevant.
        """

        records: PositiveInt = 2

        @field_validator("records")
        @classmethod
        def _records_fit(cls, records: int, info: ValidationInfo) -> int:
            length, vocab_size = info.data.get("length"), info.data.get("vocab_size")
            smallest = RECORD * records + QUESTION
            if length is not None and length < smallest:
                raise ValueError(
                    f"{counted(records, 'record')} of {RECORD} tokens and the question need "
                    f"length >= {smallest}, got {length}; use a longer sequence"
                    f"{or_fewer('records', (length - QUESTION) // RECORD)}"
                )
            if vocab_size is not None and vocab_size < 3 * records + 4:
                raise ValueError(
                    f"{records} different keys need a vocabulary of at least {3 * records + 4}: "
                    f"NULL, the query, two gates, and thirds for keys, values and noise; got "
                    f"{vocab_size}"
                )
            return records

    spec: Spec

    def vocabulary(self) -> tuple[Range, ...]:
        """Null, query, gates, keys, values, noise."""
        third = (self.vocab_size - 4) // 3
        fixed = (("null", 1), ("query", 1), ("gates", 2), ("keys", third), ("values", third))
        return in_a_row(*fixed, ("noise", self.vocab_size - 4 - 2 * third), answers="null")

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with gated records, and one key asked at the end."""
        count = self.spec.records
        null, query, gates, of_keys, of_values, noise = self.vocabulary()
        tokens = noise.draw((size, self.length), generator)
        gate = gates.draw((size, count), generator)
        keys = of_keys.draw_distinct(size, count, generator)
        values = of_values.draw((size, count), generator)
        starts = starts_of_blocks(size, count, RECORD, self.length - QUESTION, generator)
        place(tokens, starts, torch.stack((gate, keys, values), dim=-1))
        asked = torch.randint(0, count, (size, 1), generator=generator)
        tokens[:, -QUESTION] = query.first
        tokens[:, -1:] = keys.gather(1, asked)
        answers = values.masked_fill(gate == gates.first, null.first).gather(1, asked)
        return labelled_at_the_end(tokens, answers.squeeze(1))
