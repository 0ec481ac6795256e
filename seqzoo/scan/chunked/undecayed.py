"""A chunk's factors where nothing decays (see `chunk_factors`): M[x, k]_ij = x_i . k_j, masked."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients, causal_mask


def undecayed_factors(reading: Tensor, keys: Tensor) -> ChunkFactors:
    """reading (M, N, K); keys (M, C, Q, K)."""
    key_rows = keys.flatten(1, 2)
    scores = torch.bmm(key_rows, reading.mT)
    _mask(scores, keys)
    return ChunkFactors(scores, reading, key_rows, None)


def undecayed_gradients(reading: Tensor, keys: Tensor, gradients: ChunkFactors) -> RowGradients:
    """dx = dM k + dstarts, dk = dM^T x + dends. Overwrites the gradients."""
    scores, starts, ends, _ = gradients
    _mask(scores, keys)
    of_reading = add_product(starts, scores.mT, keys.flatten(1, 2))
    of_keys = add_product(ends, scores, reading)
    return RowGradients(of_reading, of_keys.view_as(keys), None)


def by_stream(scores: Tensor, keys: Tensor) -> Tensor:
    """(M, C * Q, N) -> (M, C, Q, N), a view."""
    return scores.view(*keys.shape[:3], -1)


def add_product(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """total + left @ right, in place of the total; None is zero."""
    return torch.bmm(left, right) if total is None else total.baddbmm_(left, right)


def _mask(scores: Tensor, keys: Tensor) -> None:
    mask = causal_mask(scores, keys.shape[1], scores.shape[2])
    by_stream(scores, keys).mul_(mask[:, None])
