"""A gate, a key and its value in noise that repeats all of them; the key is asked.

    0               null: the answer where the gate is off
    1 2             gates on and off
    3               query: the last token but one
    4 ... V-6       keys and values
    0 ... V-1       noise

An example with `length: 12, vocab_size: 32`, the gate at place 2:

    tokens   14 2    1 9 22    31 9 12 2 1    3 9
    labels    . .    . .  .     . .  . . .    . 22

At the default sizes the noise holds about 4 copies of the key and 8 gates.
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedSilenceGate"]

NULL, ON, OFF, QUERY, FIRST = 0, 1, 2, 3, 4
MARGIN = 5


class ReleasedSilenceGate(ReleasedTask):
    """The value of a key, or NULL where a gate is off, as released with PRISM."""

    name = "released_silence_gate"
    ceiling = 0.94
    rule = "as the gates before the asked key say, most of them where they disagree"
    published = Published(0.82, 0.51, 0.50, 0.66)

    class Spec(ReleasedSpec):
        """Settings of `released_silence_gate`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = FIRST + 6

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, a gate, a key and a value in it, and the question."""
        tokens = ids(0, self.vocab_size).draw((size, self.length), generator)
        on = torch.randint(0, 2, (size,), generator=generator) == 1
        key, value = ids(FIRST, self.vocab_size - 5).draw((2, size), generator)
        burst = torch.stack([torch.where(on, ON, OFF), key, value], dim=1)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -2] = QUERY
        tokens[:, -1] = key
        return labelled_at_the_end(tokens, torch.where(on, value, NULL))
