"""Three assignments to up to three variables, in noise of the same ids; one variable is asked.

    1               query: the last token but one
    10 ... V-1      variables, values and noise

Each assignment takes a random one of three names and a random value; places are distinct and
below T - 10, and a later assignment may overwrite the value of one that stands right before it.

An example with `length: 16, vocab_size: 32`, assignments at places 0, 3 and 4 of 21, 14 and 21:

    tokens   21 11   30    14   21 26   12 28 21 12 30 19 15 11     1 21
    labels    .  .    .     .    .  .    .  .  .  .  .  .  .  .     . 26

Names recur in the noise, so nothing tells an assignment from chance.
"""

from __future__ import annotations

import torch
from pydantic import PositiveInt

from seqzoo.tasks.sampling import distinct
from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids

__all__ = ["ReleasedVariableTracking"]

QUERY, FIRST = 1, 10
VARIABLES = 3
UPDATES = 3
MARGIN = 10


class ReleasedVariableTracking(ReleasedTask):
    """The last value of a variable whose name recurs in the noise, as released with PRISM."""

    name = "released_variable_tracking"
    ceiling = 0.47
    rule = "the token after the last occurrence of the asked name below place T - 10"
    published = Published(0.40, 0.34, 0.35, 0.37)
    # Naming any one of the three assigned values.
    metric = Metric("accuracy", higher_is_better=True, chance=1 / 3)

    class Spec(ReleasedSpec):
        """Settings of `released_variable_tracking`: those of every released task."""

        least_length = MARGIN + UPDATES
        least_vocabulary = FIRST + VARIABLES
        length: PositiveInt = 64

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, three assignments in it, and the question."""
        data = ids(FIRST, self.vocab_size)
        tokens = data.draw((size, self.length), generator)
        names = data.draw_distinct(size, VARIABLES, generator)
        chosen = torch.randint(0, VARIABLES, (size, UPDATES), generator=generator)
        values = data.draw((size, UPDATES), generator)
        places = distinct(size, UPDATES, self.length - MARGIN, generator).sort(1).values
        assigned = names.gather(1, chosen)
        for update in range(UPDATES):  # in order: a later one overwrites
            place = places[:, update : update + 1]
            tokens.scatter_(1, place, assigned[:, update : update + 1])
            tokens.scatter_(1, place + 1, values[:, update : update + 1])
        asked = _one_of_the_assigned(chosen, generator)
        newest = UPDATES - 1 - (chosen == asked).flip(1).int().argmax(1, keepdim=True)
        tokens[:, -2] = QUERY
        tokens[:, -1:] = names.gather(1, asked)
        return labelled_at_the_end(tokens, values.gather(1, newest).squeeze(1))


def _one_of_the_assigned(chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A variable (B, 1), uniform among those that occur in chosen (B, n)."""
    occurs = torch.zeros(len(chosen), VARIABLES).scatter_(1, chosen, 1.0)
    return torch.multinomial(occurs, 1, generator=generator)
