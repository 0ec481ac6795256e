"""The one serial pass: carrying the state from chunk to chunk, and its gradient back.

    S' = S N + added                N = kept Diag or any (K, K) matrix, one a chunk
    dS = dS' N^T + read             what the chunk's own reads give

Both run in place in one buffer that holds the state before (or after) all chunks and one row per
chunk. Chunks lie step-major (see `chunk_layout`): the first lanes[0] of the M are the first chunk
of every sequence and head, the next lanes[1] the second chunk of those that have one, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class ChunkSteps(NamedTuple):
    """What a chunk does to the state it starts from: one of the two, or neither for no change.

    Attributes:
        matrix: (M, K, K).
        kept: (M, 1, 1) or (M, 1, K).
    """

    matrix: Tensor | None
    kept: Tensor | None


def carry(buffer: Tensor, steps: ChunkSteps, lanes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The states before each chunk and after each sequence.

    Args:
        buffer: (L + M, V, K), overwritten: the state before the first chunk of each sequence and
            head, L >= lanes[0], then what each chunk adds.
        steps: what each chunk does to the state.
        lanes: how many sequences and heads still run at each step; never rises.

    Returns:
        (M, V, K) and (L, V, K), views of the buffer where they can be.
    """
    total = len(buffer) - sum(lanes)
    state = buffer[:total]
    starts: list[Tensor] = []
    finished: list[Tensor] = []  # the shortest sequences first, which the layout has last
    advances = zip(lanes, buffer[total:].split(list(lanes)), _split(steps, lanes), strict=True)
    for running, added, (matrix, kept) in advances:
        if running < len(state):
            finished.append(state[running:])
            state = state[:running]
        starts.append(state)
        state = _advance(added, state, matrix, kept)
    finished.append(state)
    if lanes[-1] == total:
        return buffer[:-total], buffer[-total:]
    return torch.cat(starts), torch.cat(finished[::-1])


def carry_back(buffer: Tensor, steps: ChunkSteps, lanes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The gradients of the states after each chunk and before each sequence.

    Args:
        buffer: (M + L, V, K), overwritten: the gradient that each chunk's reads give to the state
            before it, then the gradient of each sequence's final state.
        steps: as given to `carry`.
        lanes: as given to `carry`.

    Returns:
        (M, V, K) and (L, V, K), views of the buffer where they can be.
    """
    total = len(buffer) - sum(lanes)
    finals = buffer[-total:]
    reads = buffer[:-total].split(list(lanes))
    gradient = finals[:0]
    ends: list[Tensor] = []
    turned = ChunkSteps(None if steps.matrix is None else steps.matrix.mT, steps.kept)
    for step, (matrix, kept) in reversed(list(enumerate(_split(turned, lanes)))):
        running = lanes[step]
        if running > len(gradient):
            gradient = join([gradient, finals[len(gradient) : running]])
        ends.append(gradient)
        gradient = _advance(reads[step], gradient, matrix, kept)
    if lanes[-1] == total:
        return buffer[total:], buffer[:total]
    return torch.cat(ends[::-1]), torch.cat((gradient, finals[len(gradient) :]))


def join(states: list[Tensor]) -> Tensor:
    """(L_1, ...), (L_2, ...), ... -> (L_1 + L_2 + ..., ...)."""
    return states[0] if len(states) == 1 else torch.cat(states)


def _advance(added: Tensor, state: Tensor, matrix: Tensor | None, kept: Tensor | None) -> Tensor:
    """One step of all lanes that run, in place of what it adds."""
    if matrix is not None:
        return added.baddbmm_(state, matrix)
    if kept is not None:
        return added.addcmul_(state, kept)
    return added.add_(state)


def _split(steps: ChunkSteps, lanes: Sequence[int]) -> list[ChunkSteps]:
    """The steps of all chunks, one after another."""
    nothing = (None,) * len(lanes)
    matrices = nothing if steps.matrix is None else steps.matrix.split(list(lanes))
    kept = nothing if steps.kept is None else steps.kept.split(list(lanes))
    return [ChunkSteps(*step) for step in zip(matrices, kept, strict=True)]
