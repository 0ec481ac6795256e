"""Two keys, each with its value after it at an even place of the first half; one key is asked.

    1               query: the last token but one
    10 ... V-1      keys, values and noise; in the noise the two keys do not occur

An example with `length: 12, vocab_size: 32`, pairs at places 0 and 4, the second key asked:

    tokens   14 30   21 11   19 26   30 12 28 21    1 19
    labels    .  .    .  .    .  .    .  .  .  .    . 26

A value may equal a key. It then stands at an odd place, so the question still has one answer.
"""

from __future__ import annotations

import math

import torch
from pydantic import PositiveInt
from torch import Tensor

from seqzoo.tasks.placing import place
from seqzoo.tasks.sampling import distinct
from seqzoo.tasks.synthetic import labelled_at_the_end
from seqzoo.tasks.task import Batch
from seqzoo_prism.released.task import Published, ReleasedSpec, ReleasedTask, ids

__all__ = ["ReleasedMqar"]

QUERY = 1
FIRST = 10  # the smallest id of a key, a value and noise
PAIRS = 2


class ReleasedMqar(ReleasedTask):
    """The value of one of two keys, as released with PRISM: keys stand at even places."""

    name = "released_mqar"
    rule = "the token after the asked key, where it stands at an even place"
    published = Published(0.98, 0.98, 0.98, 0.98)

    class Spec(ReleasedSpec):
        """Settings of `released_mqar`: those of every released task."""

        least_length = 6
        least_vocabulary = FIRST + PAIRS + 1
        length: PositiveInt = 64

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        """Noise, two pairs in it, and the question."""
        data = ids(FIRST, self.vocab_size)
        keys = data.draw_distinct(size, PAIRS, generator)
        values = data.draw((size, PAIRS), generator)
        noise = ids(FIRST, self.vocab_size - PAIRS).draw((size, self.length), generator)
        tokens = _skipping(noise, keys)
        even_places = math.ceil(self.length // 2 / 2)
        starts = 2 * distinct(size, PAIRS, even_places, generator)
        place(tokens, starts, torch.stack((keys, values), dim=-1))
        tokens[:, -2] = QUERY
        tokens[:, -1] = keys[:, 0]  # either will do: which key it is, and where, is random
        return labelled_at_the_end(tokens, values[:, 0])


def _skipping(noise: Tensor, keys: Tensor) -> Tensor:
    """Noise (B, T) over n - R ids spread over n ids, without the R keys (B, R) of its row."""
    for key in keys.sort(1).values.unbind(1):
        noise = noise + (noise >= key.unsqueeze(1))
    return noise
