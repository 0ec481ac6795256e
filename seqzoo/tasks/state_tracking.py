"""State tracking: the running product of a group's elements, at every position.

Tokens are uniform elements g_1 g_2 ... of the group, and the label at t is g_1 g_2 ... g_t.
Element 0 is the identity; numbers of elements and products are those of `seqzoo.tasks.groups`. With
labels at every position a sequence of length T asks for all lengths up to T at once.

Test sequences have the longest test length and are read once: a causal model's answer at position
L - 1 depends on the first L tokens alone. So `accuracy@L` is the accuracy at the last position of
sequences of length L, and `longest` is the longest test length up to which `accuracy@L` stays above
0.9 (0 if the first is not).

Token ids: 0 ... n-1, the elements. An example with `group: Z5, length: 6`:

    tokens   3 4 0 1 2 2
    labels   3 2 2 3 0 2        3 + 4 = 7 = 2, 2 + 0 = 2, ... modulo 5

S5 and A5 are not solvable, and their word problem is complete for NC1. A4_x_Z5 and Z60 have as many
elements as A5 and are solvable; Z60 also commutes.

Sequences are not made unique: two of length L are equal with probability n^-L.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import torch
from pydantic import PositiveInt, ValidationInfo, field_validator
from torch import Tensor

from seqzoo.spec import PartSpec
from seqzoo.tasks.groups import multiplication_table, order_of
from seqzoo.tasks.streams import stream_of_test, stream_of_training
from seqzoo.tasks.task import Batch, Metric, Task
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["StateTracking"]

SOLVED = 0.9


class StateTracking(Task):
    """The running product of group elements, asked at every position and at longer lengths."""

    name = "state_tracking"

    class Spec(PartSpec):
        """Settings of `state_tracking`.

        Attributes:
            group: S5, A5, Z60, or a product such as A4_x_Z5; 2 to 1,024 elements.
            length: T, tokens a training sequence.
            curriculum: shorter training sequences before those, in [tokens, steps]:
                [[3, 1000], [8, 200]] is 1,000 steps of 3 tokens, then 200 of 8.
            test_lengths: lengths whose last position is tested, beside `length` itself.
            test_size: sequences in the test set.
        """

        group: str = "A5"
        length: PositiveInt = 32
        curriculum: tuple[tuple[PositiveInt, PositiveInt], ...] = ()
        test_lengths: tuple[PositiveInt, ...] = (64, 128, 256)
        test_size: PositiveInt = 1024

        @field_validator("group")
        @classmethod
        def _group_is_known(cls, group: str) -> str:
            order_of(group)
            return group

        @field_validator("curriculum")
        @classmethod
        def _lengths_grow(
            cls, stages: tuple[tuple[int, int], ...], info: ValidationInfo
        ) -> tuple[tuple[int, int], ...]:
            lengths = [*(tokens for tokens, _ in stages), info.data.get("length", 0)]
            if "length" in info.data and lengths != sorted(lengths):
                raise ValueError(f"lengths must not fall, up to length itself; got {lengths}")
            return stages

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.length = spec.length
        self.lengths = tuple(sorted({spec.length, *spec.test_lengths}))
        self.vocab_size = order_of(spec.group)
        self.metric = Metric(
            f"accuracy@{spec.length}", higher_is_better=True, chance=1 / self.vocab_size
        )

    def vocabulary(self) -> tuple[Range, ...]:
        """Elements."""
        return in_a_row(("elements", self.vocab_size))

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        """Sequences of the training length, or of the curriculum's at this step."""
        length, end = self.length, 0
        for tokens, steps in self.spec.curriculum:
            end += steps
            if step < end:
                length = tokens
                break
        return self._draw(size, length, stream_of_training(self.name, seed, step))

    def test_batches(self, size: int) -> Iterator[Batch]:
        """Sequences of the longest length, with labels at every position."""
        test = self._test_set
        for tokens, labels in zip(test.tokens.split(size), test.labels.split(size), strict=True):
            yield Batch(tokens, labels)

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Sums of `Task.measure`, and `correct@` and `count@` every length and band."""
        _, targets = batch.labelled()
        right = (logits.argmax(-1) == targets.to(logits.device)).view(batch.tokens.shape)
        sums = super().measure(logits, batch)
        rows = torch.full((), len(right), device=logits.device)
        for length in self.lengths:
            sums[f"correct@{length}"] = right[:, length - 1].sum()
            sums[f"count@{length}"] = rows
        for band, (start, stop) in self._bands.items():
            sums[f"correct@{band}"] = right[:, start:stop].sum()
            sums[f"count@{band}"] = rows * (stop - start)
        return sums

    def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
        """`loss` and `accuracy` over all positions, others at lengths and over bands, `longest`.

        `accuracy@L` is that of position L alone, `accuracy@K-L` the mean over positions K to L.
        """
        metrics = super().metrics(sums)
        longest, solved = 0, True
        for length in self.lengths:
            accuracy = sums[f"correct@{length}"] / sums[f"count@{length}"]
            metrics[f"accuracy@{length}"] = accuracy
            solved = solved and accuracy > SOLVED
            longest = length if solved else longest
        for band in self._bands:
            metrics[f"accuracy@{band}"] = sums[f"correct@{band}"] / sums[f"count@{band}"]
        return {**metrics, "longest": float(longest)}

    @property
    def _bands(self) -> dict[str, tuple[int, int]]:
        """`1-32`, `33-64`, ... -> positions from 0: the lengths cut the longest into bands."""
        starts = (0, *self.lengths)
        pairs = zip(starts, self.lengths, strict=False)
        return {f"{start + 1}-{stop}": (start, stop) for start, stop in pairs}

    def _draw(self, size: int, length: int, generator: torch.Generator) -> Batch:
        tokens = torch.randint(0, self.vocab_size, (size, length), generator=generator)
        return Batch(tokens, self._running_products(tokens))

    def _running_products(self, tokens: Tensor) -> Tensor:
        """(B, T) elements -> (B, T) products of all up to each, by doubling the span."""
        products, span = tokens.clone(), 1
        while span < tokens.shape[1]:
            pairs = products[:, :-span] * self.vocab_size + products[:, span:]
            products[:, span:] = self._table[pairs]
            span *= 2
        return products

    @cached_property
    def _table(self) -> Tensor:
        return multiplication_table(self.spec.group).flatten()

    @cached_property
    def _test_set(self) -> Batch:
        return self._draw(self.spec.test_size, self.lengths[-1], stream_of_test(self.name))
