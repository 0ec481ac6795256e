"""Selective copying: like copying, but the tokens are scattered among the blanks.

Ids and labels are those of `copying`. An example with `length: 11, count: 3`:

    tokens    0 9 0   0 4 9 0   1   0 0 0
    labels    . . .   . . . .   .   9 4 9
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.tasks.copying import Copying
from seqzoo.tasks.placing import starts_of_blocks

__all__ = ["SelectiveCopying"]


class SelectiveCopying(Copying):
    """Tokens scattered among blanks, to be repeated in order at the end."""

    name = "selective_copying"

    def places(self, size: int, before: int, generator: torch.Generator) -> Tensor:
        """Any n of the positions ahead of the mark, every choice equally likely."""
        return starts_of_blocks(size, self.spec.count, 1, before, generator)
