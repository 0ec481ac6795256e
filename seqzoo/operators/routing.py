"""Routing: the tokens of each memory side by side, as documents in one row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic_core import PydanticCustomError
from torch import Tensor

from seqzoo.operators.documents import document_of_tokens
from seqzoo.operators.stream import Stream

__all__ = ["Routing", "balance_loss", "check_top_k", "route"]


@dataclass(frozen=True)
class Routing:
    """Entries ordered by sequence, then memory, then time; k for each token.

    Attributes:
        tokens: (P,) int64, each entry's token, a flat index; P = k * tokens.
        memories: (P,) int64, each entry's memory.
        weights: (P,), the weight of each entry's read in its token's output.
        bounds: (N * M + 1,) int64, where each memory of each of N sequences begins, and P.
    """

    tokens: Tensor
    memories: Tensor
    weights: Tensor
    bounds: Tensor


def route(scores: Tensor, k: int, stream: Stream) -> Routing:
    """scores (B, T, M) of each token over M memories -> the k best of each, with weights of sum 1.

    All shapes are known in advance, whichever memories are chosen.
    """
    memories, sequences = scores.shape[-1], stream.sequences
    weights, chosen = scores.flatten(0, 1).topk(k, dim=-1)
    weights = weights / weights.sum(-1, keepdim=True)
    segments = sequence_of_tokens(scores, stream).unsqueeze(-1) * memories + chosen
    segments = segments.flatten()
    order = segments.argsort(stable=True)  # within a memory tokens keep their order
    counts = torch.zeros(sequences * memories, dtype=torch.long, device=scores.device)
    counts = counts.scatter_add(0, segments, torch.ones_like(segments))
    return Routing(
        tokens=order // k,
        memories=chosen.flatten()[order],
        weights=weights.flatten()[order],
        bounds=torch.cat([counts.new_zeros(1), counts.cumsum(0)]),
    )


def sequence_of_tokens(x: Tensor, stream: Stream) -> Tensor:
    """x (B, T, ...) -> (B * T,) int64: the row or the document that a token belongs to."""
    if stream.cu_seqlens is not None:
        return document_of_tokens(stream.cu_seqlens, x)
    rows = torch.arange(x.shape[0], device=x.device)
    return rows.unsqueeze(1).expand(x.shape[:2]).flatten()


def balance_loss(scores: Tensor, routing: Routing) -> Tensor:
    """M sum_m f_m P_m: share of tokens sent to m times its mean score; k where all are equal."""
    tokens, memories = scores.shape[0] * scores.shape[1], scores.shape[-1]
    sent = torch.zeros(memories, dtype=scores.dtype, device=scores.device)
    sent = sent.scatter_add(0, routing.memories, torch.ones_like(routing.weights))
    return memories * (sent / tokens * scores.flatten(0, 1).mean(0)).sum()


def check_top_k(top_k: int, memories: int) -> None:
    """Check that a token is sent to no more memories than there are; for a Spec's validator.

    Raises:
        PydanticCustomError: it is.
    """
    if top_k > memories:
        raise PydanticCustomError(
            "top_k",
            "top_k {k} of {m} memories; it is at most their number",
            {"k": top_k, "m": memories},
        )
