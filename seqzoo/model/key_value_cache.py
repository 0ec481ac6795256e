"""Attention over the keys and values cached by earlier calls.

The cache of a batch is (B, L, G, d) with the newest token last. Where lengths differ, as with
documents, shorter sequences have meaningless rows at the front: a key counts only if its position,
which follows from the number of tokens seen so far, is 0 or more.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators.documents import document_of_tokens, place_in_document

__all__ = ["cache_mask", "continued_attention", "right_aligned"]


def cache_mask(positions: Tensor, keys: int, window: int | None) -> Tensor:
    """Which keys a query sees, where the last T of the keys are the queries' own.

    Args:
        positions: (B, T) int64, of the queries.
        keys: L + T.
        window: tokens seen, the current one included; None is all.

    Returns:
        (B, 1, T, L + T) bool.
    """
    length = positions.shape[1]
    own = torch.arange(keys - length, keys, device=positions.device).unsqueeze(1)
    distance = own - torch.arange(keys, device=positions.device)  # (T, L + T)
    seen = (distance >= 0) & (distance <= positions.unsqueeze(-1))
    if window is not None:
        seen = seen & (distance < window)
    return seen.unsqueeze(1)


def continued_attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    past_keys: Tensor,
    past_values: Tensor,
    before: Tensor,
    cu_seqlens: Tensor,
    window: int | None,
) -> Tensor:
    """Attention of documents side by side that continue from a cache.

    Args:
        queries, keys, values: (1, T, H, d).
        past_keys, past_values: (N, L, H, d), right-aligned.
        before: (N,) int64, tokens of each document before this call.
        cu_seqlens: (N + 1,), bounds of the documents.
        window: tokens seen, the current one included; None is all.

    Returns:
        reads (1, T, H, d).
    """
    at = document_of_tokens(cu_seqlens, queries), place_in_document(cu_seqlens, queries)
    longest = int(cu_seqlens.diff().max())
    q, k, v = (_rows(each, at, len(before), longest) for each in (queries, keys, values))
    k = torch.cat([past_keys.to(k.dtype), k], dim=1)
    v = torch.cat([past_values.to(v.dtype), v], dim=1)
    positions = before.unsqueeze(1) + torch.arange(longest, device=q.device)
    mask = cache_mask(positions, k.shape[1], window)
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return reads.transpose(1, 2)[at].unsqueeze(0)


def right_aligned(past: Tensor, new: Tensor, cu_seqlens: Tensor, window: int | None) -> Tensor:
    """The cache after documents: past (N, L, G, d) and new (1, T, G, d) -> (N, L', G, d).

    L' is the longest document's number of tokens, at most window - 1. A graph does not know that
    number: there L' is L + T.
    """
    at = document_of_tokens(cu_seqlens, new), place_in_document(cu_seqlens, new)
    lengths = cu_seqlens.diff()
    longest = new.shape[1] if torch.compiler.is_compiling() else int(lengths.max())
    seen = torch.cat([past.to(new.dtype), _rows(new, at, len(past), longest)], dim=1)
    kept = seen.shape[1] if window is None else min(seen.shape[1], window - 1)
    last = past.shape[1] + lengths.to(new.device)  # one past the newest token of each row
    source = last.unsqueeze(1) - kept + torch.arange(kept, device=new.device)
    index = source.clamp_min(0)[:, :, None, None].expand(-1, -1, *new.shape[2:])
    return seen.gather(1, index)


def _rows(x: Tensor, at: tuple[Tensor, Tensor], documents: int, longest: int) -> Tensor:
    """(1, T, H, d) -> (N, longest, H, d), zeros after a document's end."""
    return x.new_zeros(documents, longest, *x.shape[2:]).index_put(at, x[0])
