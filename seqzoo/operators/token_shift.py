"""The previous token, which the RWKV family mixes with the current one."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators.documents import place_in_document
from seqzoo.operators.stream import Carrier, Stream

__all__ = ["PreviousToken"]


class PreviousToken(Carrier):
    """x_t -> x_{t-1}; before the first token of a sequence it is 0."""

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> (B, T, D)."""
        past = stream.past(self, "token", lambda: stream.zeros(x, x.shape[-1])).to(x.dtype)
        if stream.cu_seqlens is None:
            seen = torch.cat([past.unsqueeze(1), x], dim=1)
            stream.keep(self, "token", seen[:, -1])
            return seen[:, :-1]
        bounds = stream.cu_seqlens.to(x.device)
        # Row n of `past` stands before the tokens: an empty document keeps it.
        seen = torch.cat([past, x[0]])
        empty = bounds[1:] == bounds[:-1]
        documents = torch.arange(len(past), device=x.device)
        last = torch.where(empty, documents, bounds[1:] - 1 + len(past))
        stream.keep(self, "token", seen.index_select(0, last))
        place = place_in_document(stream.cu_seqlens, x)
        document = documents.repeat_interleave(bounds.diff(), output_size=x.shape[1])
        tokens = torch.arange(x.shape[1], device=x.device)
        before = torch.where(place == 0, document, tokens - 1 + len(past))
        return seen.index_select(0, before).unsqueeze(0)
