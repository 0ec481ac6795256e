"""Whether the first of four tokens before a marker recurs as the third or the fourth.

    0 1             classes: the answers, no and yes; never in the input
    3               marker
    4               query: the last token
    5 ... V-1       the four tokens a b c d, and noise

Half of the sequences answer 1: then exactly one of c and d equals a, each as often. In the other
half neither does. b is free.

An example with `length: 10, vocab_size: 32`, the four tokens at place 1:

    tokens   14    9 12 30 9 3    26 12 22    4
    labels    .    .  .  . . .     .  .  .    1        d is a
"""

from __future__ import annotations

import torch

from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids, place_burst

__all__ = ["ReleasedPalindrome"]

MARKER, QUERY, FIRST = 3, 4, 5
MARGIN = 5


class ReleasedPalindrome(ReleasedTask):
    """Whether the first of four tokens recurs third or fourth, as released with PRISM."""

    name = "released_palindrome"
    rule = "1 if one of the two tokens before the marker equals the fourth before it"
    published = Published(0.49, 0.49, 0.50, 0.99)

    class Spec(ReleasedSpec):
        """Settings of `released_palindrome`: those of every released task."""

        least_length = MARGIN + 1
        least_vocabulary = FIRST + 2

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, four tokens and their marker in it, and the query."""
        data = ids(FIRST, self.vocab_size)
        tokens = data.draw((size, self.length), generator)
        first = data.draw((size, 2), generator)  # a b
        a = first[:, :1]
        others = ids(FIRST, self.vocab_size - 1).draw((size, 2), generator)
        last = others + (others >= a)  # c d, both other than a
        answer = torch.randint(0, 2, (size,), generator=generator)
        recurs = torch.randint(0, 2, (size, 1), generator=generator)
        last = torch.where(answer.unsqueeze(1) == 1, last.scatter(1, recurs, a), last)
        burst = torch.cat([first, last, torch.full((size, 1), MARKER)], dim=1)
        place_burst(tokens, burst, self.length - MARGIN, generator)
        tokens[:, -1] = QUERY
        return labelled_at_the_end(tokens, answer)
