"""Recall by two cues: a key has a different value in every context.

Records `context key value`, one for every pair of a context and a key of the sequence, stand in
random order at random places in noise. The end queries one of them; the label stands at the queried
key, the last token. The values of a sequence are all different.

Token ids, five disjoint ranges; Q = (V - 1) // 4:

    0               query
    1 ... Q         contexts
    Q+1 ... 2Q      keys
    2Q+1 ... 3Q     values: the answers
    3Q+1 ... V-1    noise

An example with `length: 12, vocab_size: 64` (Q = 15): key 20 is 33 in context 4, 41 in context 9,

    tokens   50  9 20 41   61  4 20 33   55   0  4 20
    labels    .  .  .  .    .  .  .  .    .   .  . 33       context 4: value 33
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from seqzoo.errors import counted
from seqzoo.tasks.placing import place, shuffled, starts_of_blocks
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["PolyRecall"]

RECORD = 3  # context, key, value; and at the end query, context, key


class PolyRecall(SyntheticTask):
    """The value of a key in a given context, asked at the last position."""

    name = "poly_recall"

    class Spec(SyntheticSpec):
        """Settings of `poly_recall`.

        Attributes:
            keys: different keys a sequence.
            contexts: different contexts a sequence; every key has a value in each.
        """

        length: PositiveInt = 64
        vocab_size: PositiveInt = 64
        keys: PositiveInt = 1
        contexts: int = Field(default=2, ge=2)

        @field_validator("contexts")
        @classmethod
        def _records_fit(cls, contexts: int, info: ValidationInfo) -> int:
            length, vocab_size = info.data.get("length"), info.data.get("vocab_size")
            records = contexts * info.data.get("keys", 1)
            smallest = RECORD * records + RECORD
            if length is not None and length < smallest:
                fewer = ", or fewer keys or contexts" if length >= 3 * RECORD else ""
                raise ValueError(
                    f"{counted(records, 'record')} of {RECORD} tokens and the question need "
                    f"length >= {smallest}, got {length}; use a longer sequence{fewer}"
                )
            if vocab_size is not None and vocab_size < 4 * records + 1:
                raise ValueError(
                    f"{records} different values need a vocabulary of at least {4 * records + 1} "
                    f"(a quarter of it are values), got {vocab_size}"
                )
            return contexts

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming one of the values that were shown, without knowing whose it is.
        chance = 1 / (spec.keys * spec.contexts)
        self.metric = Metric("accuracy", higher_is_better=True, chance=chance)

    def vocabulary(self) -> tuple[Range, ...]:
        """Query, contexts, keys, values, noise."""
        quarter = (self.vocab_size - 1) // 4
        noise = self.vocab_size - 1 - 3 * quarter
        kinds = [(kind, quarter) for kind in ("contexts", "keys", "values")]
        return in_a_row(("query", 1), *kinds, ("noise", noise))

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with every key in every context, and one record asked at the end."""
        keys, contexts = self.spec.keys, self.spec.contexts
        query, of_contexts, of_keys, of_values, noise = self.vocabulary()
        tokens = noise.draw((size, self.length), generator)
        records = torch.stack(
            (
                of_contexts.draw_distinct(size, contexts, generator).repeat_interleave(keys, dim=1),
                of_keys.draw_distinct(size, keys, generator).repeat(1, contexts),
                of_values.draw_distinct(size, keys * contexts, generator),
            ),
            dim=-1,
        )
        asked = records[:, 0]  # any will do: which contexts and keys these are is random
        starts = starts_of_blocks(size, keys * contexts, RECORD, self.length - RECORD, generator)
        place(tokens, starts, shuffled(records, generator))
        tokens[:, -RECORD] = query.first
        tokens[:, -2:] = asked[:, :2]
        return labelled_at_the_end(tokens, asked[:, 2])
