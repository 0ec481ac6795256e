"""Keys, values and decays of all tokens so far, as attention with forget gates reads them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.model.key_value_cache import cache_mask, right_aligned
from seqzoo.operators import Carrier, Stream
from seqzoo.operators.documents import document_of_tokens
from seqzoo.scan.part import ScanPart

__all__ = ["ForgettingCache", "Seen"]


class Seen(NamedTuple):
    """What queries may read.

    Attributes:
        keys, values: (B, L, G, d), those of earlier calls first.
        bias: (B, H, T, L), sum of log f after a key and up to a query; -inf where it is not seen.
    """

    keys: Tensor
    values: Tensor
    bias: Tensor


class ForgettingCache(Carrier):
    """Carries keys, values and, for each, the sum of log f over all tokens after it.

    Args:
        scan: the backend that sums log f within each sequence.
    """

    def __init__(self, scan: ScanPart) -> None:
        super().__init__()
        self.scan = scan

    def forward(self, keys: Tensor, values: Tensor, log_forget: Tensor, stream: Stream) -> Seen:
        """keys and values (B, T, G, d), log f (B, T, H), float32 or wider."""
        new = keys, values, log_forget.unsqueeze(-1)
        starts = (stream.zeros(each, 0, *each.shape[2:]) for each in new)
        names = ("keys", "values", "decay")
        past = [
            stream.past(self, name, lambda start=start: start).to(each.dtype)
            for name, start, each in zip(names, starts, new, strict=True)
        ]
        before = stream.past(self, "position", lambda: stream.zeros(keys, dtype=torch.long))
        positions = stream.positions(self, keys)
        still = torch.zeros_like(log_forget[:, :1, :1])
        since, whole = self.scan.elementwise(still, log_forget, None, stream.cu_seqlens)
        decay = past[2].squeeze(-1)  # (N, L, H), after each key and up to this call
        if stream.cu_seqlens is None:
            left = whole.unsqueeze(1) - since
            visible = cache_mask(positions, past[0].shape[1] + keys.shape[1], None)
        else:
            document = document_of_tokens(stream.cu_seqlens, keys)
            left = whole[document].unsqueeze(0) - since
            visible = _visible(document, before, decay.shape[1])
        later = decay + whole.unsqueeze(1)
        ends = keys, values, left.unsqueeze(-1)
        for name, old, each in zip(names, (*past[:2], later.unsqueeze(-1)), ends, strict=True):
            stream.keep(self, name, lambda old=old, each=each: _after(old, each, stream))
        pairs = zip(past[:2], (keys, values), strict=True)
        k, v = (torch.cat([_side_by_side(old, stream), each], dim=1) for old, each in pairs)
        of_keys = torch.cat([_side_by_side(decay, stream), -since], dim=1)
        bias = since.mT.unsqueeze(-1) + of_keys.mT.unsqueeze(-2)
        return Seen(k, v, bias.masked_fill(~visible, -torch.inf))


def _after(past: Tensor, new: Tensor, stream: Stream) -> Tensor:
    """What is carried of past (N, L, G, d) and new (B, T, G, d): the newest token last."""
    if stream.cu_seqlens is None:
        return torch.cat([past, new], dim=1)
    return right_aligned(past, new, stream.cu_seqlens, None)


def _side_by_side(past: Tensor, stream: Stream) -> Tensor:
    """(N, L, ...) as the queries see it: with documents (1, N L, ...)."""
    return past if stream.cu_seqlens is None else past.flatten(0, 1).unsqueeze(0)


def _visible(document: Tensor, before: Tensor, past: int) -> Tensor:
    """Which keys a query sees, those of N documents' caches and then those of this call.

    Args:
        document: (T,), of each token.
        before: (N,), tokens of each document before this call.
        past: L, keys a cache; a document of fewer has them last.

    Returns:
        (1, 1, T, N L + T) bool.
    """
    own = torch.arange(len(before), device=document.device).repeat_interleave(past)
    place = torch.arange(past, device=document.device).repeat(len(before))
    held = place >= past - before.repeat_interleave(past)
    earlier = (document.unsqueeze(1) == own) & held
    new = torch.tril(document.unsqueeze(1) == document)
    return torch.cat([earlier, new], dim=1)[None, None]
