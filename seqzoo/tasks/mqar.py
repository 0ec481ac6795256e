"""Multi-query associative recall, as defined by the Zoology benchmark.

A sequence begins with `num_pairs` pairs of a key and its value, all different. After that each key
is queried once, at a position whose distance from the pairs follows a power law; the label stands
at the queried key and is its value. All other positions have no label.

Token ids, three disjoint ranges:

    0                    blank (between queries, if `random_non_queries` is off)
    1 ... V//2 - 1       keys
    V//2 ... V-1         values

There are n = (length - 2 num_pairs) // 2 places for queries, every second position after the
pairs; places are drawn without replacement, place i with probability proportional to
(i + 1)^(power - 1). An example with `length: 12, vocab_size: 16, num_pairs: 2` and places 0 and 2:

    tokens   3 11 6 9   6 0 0 0 3 0 0 0
    labels   . . . .    9 . . . 11 . . .

Zoology trains on a fixed set of sequences for many epochs; here every batch is new.
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from seqzoo.tasks.sampling import distinct, distinct_by_weight
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, or_fewer
from seqzoo.tasks.task import IGNORED, Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["Mqar"]


class Mqar(SyntheticTask):
    """Multi-query associative recall: the value of each key when it is queried."""

    name = "mqar"

    class Spec(SyntheticSpec):
        """Settings of `mqar`.

        Attributes:
            num_pairs: pairs of key and value a sequence; each key is asked once.
            power: a of the power law; small keeps the queries near the pairs, 1 is uniform.
            random_non_queries: fill the places between queries with random tokens, not with 0.
        """

        length: PositiveInt = 64
        vocab_size: PositiveInt = 8192
        test_size: PositiveInt = 3000
        num_pairs: PositiveInt = 4
        power: float = Field(default=0.01, gt=0)
        random_non_queries: bool = True

        @field_validator("num_pairs")
        @classmethod
        def _pairs_fit(cls, num_pairs: int, info: ValidationInfo) -> int:
            length, vocab_size = info.data.get("length"), info.data.get("vocab_size")
            if length is not None and 4 * num_pairs > length:
                raise ValueError(
                    f"{num_pairs} pairs and their queries need length >= {4 * num_pairs}, "
                    f"got {length}; use a longer sequence{or_fewer('num_pairs', length // 4)}"
                )
            if vocab_size is not None and vocab_size // 2 - 1 < num_pairs:
                raise ValueError(
                    f"{num_pairs} different keys need a vocabulary of at least "
                    f"{2 * num_pairs + 2} (keys are 1 ... V//2 - 1), got {vocab_size}"
                )
            return num_pairs

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming one of the values that were shown, without knowing whose it is.
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / spec.num_pairs)

    def vocabulary(self) -> tuple[Range, ...]:
        """Blank, keys, values."""
        half = self.vocab_size // 2
        return in_a_row(("blank", 1), ("keys", half - 1), ("values", self.vocab_size - half))

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of pairs, then queries at places of a power law."""
        spec = self.spec
        pairs, half = spec.num_pairs, spec.vocab_size // 2
        keys = 1 + distinct(size, pairs, half - 1, generator)
        values = half + distinct(size, pairs, spec.vocab_size - half, generator)
        places = torch.arange(1, (spec.length - 2 * pairs) // 2 + 1, dtype=torch.float64)
        gaps = distinct_by_weight(size, pairs, places ** (spec.power - 1), generator)
        asked = 2 * pairs + 2 * gaps

        shape = (size, spec.length)
        if spec.random_non_queries:
            tokens = torch.randint(0, spec.vocab_size, shape, generator=generator)
        else:
            tokens = torch.zeros(shape, dtype=torch.int64)
        tokens[:, 0 : 2 * pairs : 2] = keys
        tokens[:, 1 : 2 * pairs : 2] = values
        tokens.scatter_(1, asked, keys)
        labels = torch.full(shape, IGNORED).scatter_(1, asked, values)
        return Batch(tokens, labels)
