"""The last value of a variable that was assigned several times.

Assignments `variable value` stand at random places in noise: every variable of the sequence is
assigned `updates` times, in random order, and no value occurs twice. The end queries one of the
variables; the label stands at the queried variable, the last token, and is its newest value.

Token ids, four disjoint ranges; Q = (V - 1) // 3:

    0               query
    1 ... Q         variables
    Q+1 ... 2Q      values: the answers
    2Q+1 ... V-1    noise

An example with `length: 12, vocab_size: 64, variables: 2` (Q = 21):

    tokens    7 30    51    9 25    9 40     7 22     0  9
    labels    .  .     .    .  .    .  .     .  .     . 40      9 was 25, and is 40
"""

from __future__ import annotations

import torch
from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from seqzoo.tasks.placing import place, shuffled, starts_of_blocks
from seqzoo.tasks.synthetic import SyntheticSpec, SyntheticTask, labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo.tasks.vocabulary import Range, in_a_row

__all__ = ["VariableTracking"]

ASSIGNMENT = 2  # variable, value; and at the end query, variable


class VariableTracking(SyntheticTask):
    """The newest value of a variable among several assignments, asked at the last position."""

    name = "variable_tracking"

    class Spec(SyntheticSpec):
        """Settings of `variable_tracking`.

        Attributes:
            variables: different variables a sequence.
            updates: assignments of each.
        """

        length: PositiveInt = 64
        vocab_size: PositiveInt = 64
        variables: int = Field(default=4, ge=2)
        updates: PositiveInt = 2

        @field_validator("updates")
        @classmethod
        def _assignments_fit(cls, updates: int, info: ValidationInfo) -> int:
            length, vocab_size = info.data.get("length"), info.data.get("vocab_size")
            count = updates * info.data.get("variables", 1)
            smallest = ASSIGNMENT * count + ASSIGNMENT
            if length is not None and length < smallest:
                fewer = ", or fewer variables or updates" if length >= 3 * ASSIGNMENT else ""
                raise ValueError(
                    f"{count} assignments and the question need length >= {smallest}, got "
                    f"{length}; use a longer sequence{fewer}"
                )
            if vocab_size is not None and vocab_size < 3 * count + 1:
                raise ValueError(
                    f"{count} different values need a vocabulary of at least {3 * count + 1} "
                    f"(a third of it are values), got {vocab_size}"
                )
            return updates

    spec: Spec

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Naming the last value of all, whosever it is: it is the asked variable's that often.
        self.metric = Metric("accuracy", higher_is_better=True, chance=1 / spec.variables)

    def vocabulary(self) -> tuple[Range, ...]:
        """Query, variables, values, noise."""
        third = (self.vocab_size - 1) // 3
        noise = self.vocab_size - 1 - 2 * third
        return in_a_row(("query", 1), ("variables", third), ("values", third), ("noise", noise))

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Sequences of noise with assignments, and one variable asked at the end."""
        variables, count = self.spec.variables, self.spec.variables * self.spec.updates
        query, of_variables, of_values, noise = self.vocabulary()
        tokens = noise.draw((size, self.length), generator)
        names = of_variables.draw_distinct(size, variables, generator)
        order = shuffled(names.repeat(1, self.spec.updates).unsqueeze(-1), generator).squeeze(-1)
        values = of_values.draw_distinct(size, count, generator)
        starts = starts_of_blocks(size, count, ASSIGNMENT, self.length - ASSIGNMENT, generator)
        place(tokens, starts, torch.stack((order, values), dim=-1))
        asked = names[:, :1]  # any will do: which variable it is, and when assigned, is random
        newest = (order == asked).int().cumsum(1).argmax(1, keepdim=True)
        tokens[:, -ASSIGNMENT] = query.first
        tokens[:, -1:] = asked
        return labelled_at_the_end(tokens, values.gather(1, newest).squeeze(1))
