"""Causal softmax attention over documents side by side: every document has a row of its own.

So the scores are N triangles, not one of T x T. How long the rows are depends on the
numbers of `cu_seqlens`, which a compiled graph does not know: there it is a custom operator,
`seqzoo::packed_attention`, whose backward, an operator too, computes the forward again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators.documents import document_of_tokens, place_in_document

__all__ = ["packed_attention", "window_mask"]

SCORES = 1 << 24
"""The most scores laid out at once, unless one document alone has more."""


def packed_attention(
    queries: Tensor, keys: Tensor, values: Tensor, cu_seqlens: Tensor, window: int | None
) -> Tensor:
    """What each token reads from its own document, up to itself.

    Args:
        queries, keys, values: (1, T, H, d) each, in one dtype.
        cu_seqlens: (N + 1,) integer, where the documents begin, and T; some may have no token.
        window: tokens seen, the current one included; None is all.

    Returns:
        reads (1, T, H, d).
    """
    if torch.compiler.is_compiling():
        return torch.ops.seqzoo.packed_attention(queries, keys, values, cu_seqlens, window)
    return _reads(queries, keys, values, cu_seqlens, window)


def window_mask(queries: int, keys: int, window: int | None, device: torch.device) -> Tensor:
    """(queries, keys), true where query i (the last are the newest) sees key j."""
    distance = torch.arange(keys - queries, keys, device=device).unsqueeze(1) - torch.arange(
        keys, device=device
    )
    seen = distance >= 0
    return seen if window is None else seen & (distance < window)


def documents_at_once(heads: int, longest: int) -> int:
    """How many documents of this length fit into `SCORES` scores; at least one."""
    return max(1, SCORES // (heads * longest**2))


def _reads(
    queries: Tensor, keys: Tensor, values: Tensor, cu_seqlens: Tensor, window: int | None
) -> Tensor:
    place = _place_in_rows(cu_seqlens, queries)
    q, k, v = (_rows(each, cu_seqlens, place) for each in (queries, keys, values))
    mask = None if window is None else window_mask(q.shape[2], q.shape[2], window, q.device)
    reads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
    return _from_rows(reads, place)


def _gradients(
    of_reads: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    cu_seqlens: Tensor,
    window: int | None,
) -> tuple[Tensor, ...]:
    """The gradients of queries, keys and values.

    With scores S = q k^T / sqrt(d), P = softmax S and reads P v,
    dv = P^T do, dP = do v^T, dS = P * (dP - rowsum(P * dP)) / sqrt(d), dq = dS k and dk = dS^T q.
    """
    place = _place_in_rows(cu_seqlens, queries)
    wide = torch.promote_types(queries.dtype, torch.float32)
    rows = [_rows(each.to(wide), cu_seqlens, place) for each in (queries, keys, values, of_reads)]
    heads, longest, size = rows[0].shape[1:]
    hidden = window_mask(longest, longest, window, queries.device).logical_not()
    at_once = documents_at_once(heads, longest)
    found: list[tuple[Tensor, ...]] = []
    for q, k, v, of_read in zip(*(each.split(at_once) for each in rows), strict=True):
        scores = (q @ k.mT).mul_(size**-0.5).masked_fill_(hidden, -torch.inf).softmax(-1)
        of_scores = of_read @ v.mT
        of_scores = of_scores.sub_((scores * of_scores).sum(-1, keepdim=True)).mul_(scores)
        of_scores = of_scores.mul_(size**-0.5)
        found.append((of_scores @ k, of_scores.mT @ q, scores.mT @ of_read))
    whole = (torch.cat(each) for each in zip(*found, strict=True))
    return tuple(_from_rows(each, place).to(queries.dtype) for each in whole)


def _place_in_rows(cu_seqlens: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    return document_of_tokens(cu_seqlens, x), place_in_document(cu_seqlens, x)


def _rows(x: Tensor, cu_seqlens: Tensor, place: tuple[Tensor, Tensor]) -> Tensor:
    """(1, T, H, d) -> (N, H, longest, d), zeros after a document's end."""
    rows = x.new_zeros(len(cu_seqlens) - 1, int(cu_seqlens.diff().max()), *x.shape[2:])
    return rows.index_put(place, x[0]).transpose(1, 2)


def _from_rows(rows: Tensor, place: tuple[Tensor, Tensor]) -> Tensor:
    """The inverse of `_rows`."""
    return rows.transpose(1, 2)[place].unsqueeze(0)


ARGUMENTS = "Tensor queries, Tensor keys, Tensor values, Tensor cu_seqlens, int? window"


@torch.library.custom_op(
    "seqzoo::packed_attention", mutates_args=(), schema=f"({ARGUMENTS}) -> Tensor"
)
def _attention(*arguments: Any) -> Tensor:
    return _reads(*arguments).contiguous()


@torch.library.custom_op(
    "seqzoo::packed_attention_backward",
    mutates_args=(),
    schema=f"(Tensor of_reads, {ARGUMENTS}) -> (Tensor, Tensor, Tensor)",
)
def _attention_backward(of_reads: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    return tuple(each.contiguous() for each in _gradients(of_reads, *arguments))


def _keep_arguments(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.window = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, of_reads: Tensor) -> tuple[Tensor | None, ...]:
    operator = torch.ops.seqzoo.packed_attention_backward
    return *operator(of_reads, *ctx.saved_tensors, ctx.window), None, None


_attention.register_fake(lambda queries, *_: torch.empty_like(queries).contiguous())
_attention.register_autograd(_backward, setup_context=_keep_arguments)
_attention_backward.register_fake(
    lambda _, *arguments: tuple(each.new_empty(each.shape) for each in arguments[:3])
)
