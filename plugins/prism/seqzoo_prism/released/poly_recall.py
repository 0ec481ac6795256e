"""A marker, then two keys with their values, somewhere in noise; one key is asked.

    1               query: the last token but one
    2               marker
    10 ... V-1      keys, values and noise; keys may recur in the noise

An example with `length: 12, vocab_size: 32`, the marker at place 1:

    tokens   14    2 21 11 19 26    30 12 19 21    1 19
    labels    .    .  .  .  .  .     .  .  .  .    . 26

There is no context in it, whatever the paper's text says.
"""

from __future__ import annotations

import torch
from pydantic import PositiveInt

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedPolyRecall"]

QUERY, MARKER, FIRST = 1, 2, 10
PAIRS = 2
MARGIN = 2 * PAIRS + 5


class ReleasedPolyRecall(ReleasedTask):
    """The value of one of two keys after a marker, as released with PRISM."""

    name = "released_poly_recall"
    rule = "the value of the asked key among the two pairs after the marker"
    published = Published(1.0, 1.0, 1.0, 1.0)

    class Spec(ReleasedSpec):
        """Settings of `released_poly_recall`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = FIRST + PAIRS
        length: PositiveInt = 64

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, a marker and two pairs in it, and the question."""
        data = ids(FIRST, self.vocab_size)
        tokens = data.draw((size, self.length), generator)
        keys = data.draw_distinct(size, PAIRS, generator)
        values = data.draw((size, PAIRS), generator)
        burst = torch.full((size, 1 + 2 * PAIRS), MARKER)
        burst[:, 1:] = torch.stack((keys, values), dim=-1).flatten(1)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        asked = torch.randint(0, PAIRS, (size, 1), generator=generator)
        tokens[:, -2] = QUERY
        tokens[:, -1:] = keys.gather(1, asked)
        return labelled_at_the_end(tokens, values.gather(1, asked).squeeze(1))
