"""The channel that a selector chooses, before a marker, in noise that repeats all of them.

    1               query: the last token
    2               marker
    3 4             selectors of channel 0 and channel 1
    5 ... V/2-1     channel 0
    V/2 ... V-1     channel 1
    0 ... V-1       noise

An example with `length: 14, vocab_size: 32`, the selector at place 1:

    tokens   14    4 9 27 2    31 26 12 2 1 0 19 8    1
    labels    .    . .  . .     .  .  . . . .  . .   27
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedMux"]

QUERY, MARKER, SELECT_0, SELECT_1, FIRST = 1, 2, 3, 4, 5
MARGIN = 10


class ReleasedMux(ReleasedTask):
    """The one of two channels that a selector before them chooses, as released with PRISM."""

    name = "released_mux"
    ceiling = 0.98
    rule = "the chosen channel where selector, two channels and marker stand side by side"
    published = Published(0.98, 0.98, 0.97, 0.98)

    class Spec(ReleasedSpec):
        """Settings of `released_mux`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = 2 * FIRST + 2

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, a selector, two channels and their marker in it, and the query."""
        half = self.vocab_size // 2
        tokens = ids(0, self.vocab_size).draw((size, self.length), generator)
        chosen = torch.randint(0, 2, (size,), generator=generator)
        channels = torch.stack(
            [
                ids(FIRST, half).draw((size,), generator),
                ids(half, self.vocab_size).draw((size,), generator),
            ],
            dim=1,
        )
        burst = torch.full((size, 4), MARKER)
        burst[:, 0] = torch.where(chosen == 0, SELECT_0, SELECT_1)
        burst[:, 1:3] = channels
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -1] = QUERY
        return labelled_at_the_end(tokens, channels.gather(1, chosen.unsqueeze(1)).squeeze(1))
