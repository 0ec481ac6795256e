"""The sum modulo 16 of two numbers before a marker, in noise that repeats them.

    0 ... 15        numbers, and the answers
    0 ... V-3       noise
    V-2             marker
    V-1             query: the last token

An example with `length: 9, vocab_size: 32`, the numbers at place 2:

    tokens   14 29    9 12 30    3 26 12    31
    labels    .  .    .  .  .    .  .  .     5        9 + 12 = 16 + 5
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch, Metric
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedModuloAdd"]

MODULUS = 16
MARGIN = 5


class ReleasedModuloAdd(ReleasedTask):
    """The sum modulo 16 of two numbers before a marker, as released with PRISM."""

    name = "released_modulo_add"
    rule = "the sum modulo 16 of the two tokens before the marker"
    published = Published(0.23, 0.07, 0.06, 0.50)
    metric = Metric("accuracy", higher_is_better=True, chance=1 / MODULUS)

    class Spec(ReleasedSpec):
        """Settings of `released_modulo_add`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = MODULUS + 2

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, two numbers and their marker in it, and the query."""
        marker, query = self.vocab_size - 2, self.vocab_size - 1
        tokens = ids(0, marker).draw((size, self.length), generator)
        burst = torch.full((size, 3), marker)
        burst[:, :2] = ids(0, MODULUS).draw((size, 2), generator)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -1] = query
        return labelled_at_the_end(tokens, burst[:, :2].sum(1) % MODULUS)
