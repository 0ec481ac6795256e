"""Blocks of tokens at random places of a sequence, for a whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.tasks.sampling import distinct
from seqzoo.tasks.vocabulary import Range

__all__ = ["one_block", "place", "shuffled", "starts_of_blocks"]


def starts_of_blocks(
    rows: int, blocks: int, width: int, places: int, generator: torch.Generator
) -> Tensor:
    """The starts of blocks that do not overlap, every arrangement equally likely.

    With each block shrunk to one place, these are distinct places of a shorter row.

    Args:
        rows: B, sequences.
        blocks: n, blocks a sequence.
        width: tokens a block; n * width <= places.
        places: positions 0 ... places-1 are free.
        generator: source of the places.

    Returns:
        (B, n) int64, ascending.
    """
    grown = torch.arange(blocks) * (width - 1)
    shrunk = distinct(rows, blocks, places - blocks * (width - 1), generator)
    return shrunk.sort(1).values + grown


def place(tokens: Tensor, starts: Tensor, blocks: Tensor) -> None:
    """Write blocks (B, n, width) into tokens (B, T), each at its start of starts (B, n)."""
    where = starts.unsqueeze(-1) + torch.arange(blocks.shape[-1])
    tokens.scatter_(1, where.flatten(1), blocks.flatten(1))


def shuffled(blocks: Tensor, generator: torch.Generator) -> Tensor:
    """The blocks (B, n, width) of each sequence in random order."""
    order = torch.rand(blocks.shape[:2], generator=generator).argsort(1)
    return blocks.gather(1, order.unsqueeze(-1).expand_as(blocks))


def one_block(
    block: Tensor, length: int, query: Range, noise: Range, generator: torch.Generator
) -> Tensor:
    """Sequences of noise with a block at a random place, and the query as the last token.

    Args:
        block: (B, width), width < length.
        length: T, tokens a sequence.
        query: its first id ends every sequence.
        noise: what all other places are drawn from.
        generator: source of the noise and the places.

    Returns:
        (B, T) int64.
    """
    rows, width = block.shape
    tokens = noise.draw((rows, length), generator)
    starts = torch.randint(0, length - width, (rows, 1), generator=generator)
    place(tokens, starts, block.unsqueeze(1))
    tokens[:, -1] = query.first
    return tokens
