"""The parity of three tokens before a marker, in noise that repeats them.

    0 1             classes: the answers, even and odd; never in the input
    2               query: the last token
    3               marker
    4 ... 7         bits, even and odd ones
    4 ... V-1       noise

An example with `length: 11, vocab_size: 32`, the bits at place 2:

    tokens   14 30    7 4 5 3    26 5 12 19    2
    labels    .  .    . . . .     . .  .  .    0        7 + 4 + 5 is even
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedParity"]

QUERY, MARKER, FIRST = 2, 3, 4
BITS = 3
MARGIN = BITS + 5


class ReleasedParity(ReleasedTask):
    """Whether the sum of three tokens before a marker is odd, as released with PRISM."""

    name = "released_parity"
    rule = "the sum modulo 2 of the three tokens before the marker"
    published = Published(1.0, 0.49, 0.50, 1.0)

    class Spec(ReleasedSpec):
        """Settings of `released_parity`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = 8

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, three bits and their marker in it, and the query."""
        tokens = ids(FIRST, self.vocab_size).draw((size, self.length), generator)
        burst = torch.full((size, BITS + 1), MARKER)
        burst[:, :BITS] = ids(4, 8).draw((size, BITS), generator)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -1] = QUERY
        return labelled_at_the_end(tokens, burst[:, :BITS].sum(1) % 2)
