"""Reads and roots of a Fenwick memory: one state for each 1-bit of the number of tokens so far.

Before token t, counted from 0, there is a state for each 1-bit of t, over 2^bit tokens: the roots
of a binary counter. For token s < t the state that holds s is that of the highest bit in which t
and s differ; its level is one more than the bit, and the token itself has level 0.

J = L - 1 roots a sequence, root j over 2^j tokens; N sequences, in B rows or documents of one row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Piece", "level", "read_piece", "renewed_roots"]


class Piece(NamedTuple):
    """Tokens that are computed together, all in the dtype of the state."""

    queries: Tensor  # (B, T, H, K)
    keys: Tensor  # (B, T, H, K)
    values: Tensor  # (B, T, H, V)
    log_decay: Tensor  # (B, T, H)
    gains: Tensor  # (B, T, H, L)
    position: Tensor  # (B, T)


def level(one: Tensor, other: Tensor) -> Tensor:
    """Bits of `one ^ other`, up to the highest that is set: 0 where they are equal."""
    powers = 2 ** torch.arange(40, device=one.device)
    return torch.bucketize(one ^ other, powers, right=True)


def read_piece(
    piece: Piece, total: Tensor, count: Tensor, carried: Tensor, document: Tensor | None
) -> Tensor:
    """Reads of the piece's own tokens and of the roots before it, (B, T, H, V).

    `count`, the tokens before the piece, is (B, 1), or (1, T) by the document of each token.
    """
    t = piece.position.unsqueeze(2)
    heads, time = total.shape[2], total.shape[1]
    seen = torch.ones(time, time, dtype=torch.bool, device=t.device).tril()
    if document is not None:
        seen = seen & (document.unsqueeze(1) == document)
    levels = level(t, piece.position.unsqueeze(1)).masked_fill(~seen, 0)
    gains = piece.gains.gather(3, levels.unsqueeze(2).expand(-1, -1, heads, -1))
    apart = total.unsqueeze(3) - total.transpose(1, 2).unsqueeze(1)  # (B, T, H, S)
    decay = apart.masked_fill(~seen.unsqueeze(1), -torch.inf).exp()
    scores = torch.einsum("bthk,bshk->bths", piece.queries, piece.keys)
    own = torch.einsum("bths,bshv->bthv", scores * gains * decay, piece.values)
    bits = torch.arange(piece.gains.shape[3] - 1, device=t.device)
    begins = count.unsqueeze(2) >> (bits + 1) << (bits + 1)
    levels = level(t, begins)  # (B, T, J)
    gains = piece.gains.gather(
        3, levels.clamp(max=piece.gains.shape[3] - 1).unsqueeze(2).expand(-1, -1, heads, -1)
    )
    return own + torch.einsum("bthj,btjhv->bthv", gains * total.exp().unsqueeze(3), carried)


def renewed_roots(
    piece: Piece,
    total: Tensor,
    at_end: Tensor,
    count: Tensor,
    roots: Tensor,
    document: Tensor | None,
) -> Tensor:
    """The roots after the piece: for each 1-bit of the count the tokens and roots under it."""
    bits = torch.arange(roots.shape[1], device=count.device)
    lengths = (
        torch.full_like(count, total.shape[1])
        if document is None
        else (document == torch.arange(len(count), device=count.device).unsqueeze(1)).sum(1)
    )
    after = (count + lengths).unsqueeze(1) >> bits  # (N, J)
    full, block = (after & 1).bool(), (after - 1).unsqueeze(2)
    begins = count.unsqueeze(1) >> (bits + 1) << (bits + 1)
    held = (count.unsqueeze(1) >> bits & 1).bool()
    under = (begins.unsqueeze(1) >> bits.view(-1, 1)) == block
    under = under & full.unsqueeze(2) & held.unsqueeze(1)  # (N, J, I)
    kept = torch.einsum("nji,nh,nihvk->njhvk", under.to(roots.dtype), at_end.exp(), roots)
    of_tokens = (piece.position.unsqueeze(1) >> bits.view(-1, 1)) == block
    of_tokens = of_tokens & full.unsqueeze(2)  # (N, J, S)
    ends = at_end.unsqueeze(1)
    if document is not None:
        same = document == torch.arange(len(count), device=count.device).unsqueeze(1)
        of_tokens, ends = of_tokens & same.unsqueeze(1), at_end[document].unsqueeze(0)
    values = piece.values * (ends - total).exp().unsqueeze(3)
    mask = of_tokens.to(roots.dtype)
    if document is None:
        return kept + torch.einsum("njs,nshv,nshk->njhvk", mask, values, piece.keys)
    return kept + torch.einsum("njs,shv,shk->njhvk", mask, values[0], piece.keys[0])
