"""Whether two tokens before a marker differ in parity, in noise that repeats them.

    1               query: the last token
    2               marker
    3 4             classes: the answers, different and alike; never in the input
    5 ... V-11      what the two tokens are drawn from
    5 ... V-1       noise

An example with `length: 10, vocab_size: 32`, the two tokens at place 0:

    tokens   9 14 2    7 31 26 5 12 19    1
    labels   .  . .    .  .  . .  .  .    3        9 is odd and 14 is even
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedLocalXor"]

QUERY, MARKER, DIFFERENT, ALIKE, FIRST = 1, 2, 3, 4, 5
MARGIN = 3 + 5


class ReleasedLocalXor(ReleasedTask):
    """Whether two tokens before a marker differ in parity, as released with PRISM."""

    name = "released_local_xor"
    rule = "the exclusive or of the parities of the two tokens before the marker"
    published = Published(1.0, 0.50, 0.49, 1.0)

    class Spec(ReleasedSpec):
        """Settings of `released_local_xor`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = FIRST + 12  # an odd and an even token below V - 10

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, two tokens and their marker in it, and the query."""
        tokens = ids(FIRST, self.vocab_size).draw((size, self.length), generator)
        burst = torch.full((size, 3), MARKER)
        burst[:, :2] = ids(FIRST, self.vocab_size - 10).draw((size, 2), generator)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -1] = QUERY
        odd = burst[:, :2].sum(1) % 2 == 1
        return labelled_at_the_end(tokens, torch.where(odd, DIFFERENT, ALIKE))
