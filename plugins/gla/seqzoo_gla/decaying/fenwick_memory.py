"""A memory of several states, each over a power of two of the past tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqzoo.model.not_finite import find_broken, mark_broken
from seqzoo.operators import Carrier, Stream
from seqzoo.operators.documents import document_of_tokens
from seqzoo.scan import Writes, elementwise_scan
from seqzoo.scan.precision import full_precision
from seqzoo_gla.decaying.fenwick import Piece, read_piece, renewed_roots

__all__ = ["FenwickMemory"]


class FenwickMemory(Carrier):
    """o_t = sum_l gain_t^l S_t^l q_t over levels, S^l decaying alone (arXiv 2506.04761).

    Within `chunk` tokens by a masked product, from chunk to chunk through the roots: T chunk + T
    log T. Documents packed in one row are one chunk.

    Args:
        levels: L; a sequence has at most 2^(L - 1) tokens.
        chunk: tokens computed at once.
    """

    def __init__(self, levels: int, chunk: int = 64) -> None:
        super().__init__()
        self.levels, self.chunk = levels, chunk

    def forward(
        self, queries: Tensor, log_decay: Tensor, writes: Writes, gains: Tensor, stream: Stream
    ) -> Tensor:
        """queries (B, T, G, K), g (B, T, H), writes of rank 1, gains (B, T, H, L) -> (B, T, H, V).

        Raises:
            RuntimeError: a sequence has more tokens than the levels hold.
        """
        dtype = torch.promote_types(queries.dtype, torch.float32)
        values, heads = writes.values[:, :, 0], writes.values.shape[3]
        if writes.strengths is not None:
            values = values * writes.strengths[:, :, 0].unsqueeze(-1)
        q, k = (
            each.repeat_interleave(heads // each.shape[2], dim=2)
            for each in (queries, writes.keys[:, :, 0])
        )
        broken = find_broken(k.sum(-1, keepdim=True), values.sum(-1, keepdim=True))
        count = stream.past(self, "position", lambda: stream.zeros(q, dtype=torch.long))
        position = stream.positions(self, q)
        fits = (position < 2 ** (self.levels - 1)).all()
        message = (
            f"{self.levels} levels hold {2 ** (self.levels - 1)} tokens per sequence, not more"
        )
        try:
            torch.ops.aten._assert_async.msg(fits, message)
        except RuntimeError as failure:
            if message in str(failure):
                raise
            raise NotImplementedError(
                "scans over Fenwick levels have no vmap rule: put the mapped axis into B, "
                "(M, B, T, ...) -> (M * B, T, ...)"
            ) from failure
        shape = (self.levels - 1, heads, values.shape[-1], k.shape[-1])
        roots = stream.past(self, "roots", lambda: stream.zeros(q, *shape, dtype=dtype)).to(dtype)
        tensors = [each.to(dtype) for each in (q, k, values, log_decay, gains)]
        if broken is not None:  # 0 times NaN is NaN: a mask keeps no such token from the others
            at = (broken[..., None], broken[..., None, None])
            tensors = [each.masked_fill(at[each.ndim - 3], 0.0) for each in tensors]
        piece = Piece(*tensors, position)  # pyright: ignore[reportCallIssue]
        with full_precision(queries):
            if stream.cu_seqlens is not None:
                reads, roots = self._documents(piece, count, roots, stream.cu_seqlens)
            else:
                reads, roots = self._sequence(piece, count, roots)
        if broken is not None:
            reads = mark_broken(reads, broken, None, stream.cu_seqlens)
            roots = self._marked(roots, broken, stream.cu_seqlens)
        stream.keep(self, "roots", roots)
        return reads.to(queries.dtype)

    def _sequence(self, piece: Piece, count: Tensor, roots: Tensor) -> tuple[Tensor, Tensor]:
        """Chunk after chunk, with the roots between them (B, L - 1, H, V, K)."""
        found = []
        for start in range(0, piece.queries.shape[1], self.chunk):
            part = Piece(*(each[:, start : start + self.chunk] for each in piece))
            total = part.log_decay.cumsum(1)
            carried = torch.einsum("bthk,bjhvk->btjhv", part.queries, roots)
            found.append(read_piece(part, total, count.unsqueeze(1), carried, None))
            roots = renewed_roots(part, total, total[:, -1], count, roots, None)
            count = count + part.position.shape[1]
        return torch.cat(found, dim=1) if found else piece.values, roots

    def _documents(
        self, piece: Piece, count: Tensor, roots: Tensor, cu_seqlens: Tensor
    ) -> tuple[Tensor, Tensor]:
        """All tokens of a row at once, and each document's own roots (N, L - 1, H, V, K)."""
        document = document_of_tokens(cu_seqlens, piece.position)
        still = torch.zeros_like(piece.log_decay[:, :1])
        total, at_end = elementwise_scan(still, piece.log_decay, None, cu_seqlens)
        every = torch.einsum("thk,njhvk->tnjhv", piece.queries[0], roots)
        own = document.view(-1, 1, 1, 1, 1).expand(-1, 1, *every.shape[2:])
        carried = every.gather(1, own).transpose(0, 1)
        of_tokens = count[document].unsqueeze(0)
        reads = read_piece(piece, total, of_tokens, carried, document)
        return reads, renewed_roots(piece, total, at_end, count, roots, document)

    @staticmethod
    def _marked(roots: Tensor, broken: Tensor, cu_seqlens: Tensor | None) -> Tensor:
        """NaN for the roots of sequences that have a token which is not finite."""
        bad = broken.any(1)
        if cu_seqlens is not None:
            document = document_of_tokens(cu_seqlens, broken)
            counts = torch.zeros(len(roots), dtype=torch.long, device=roots.device)
            bad = counts.index_add(0, document, broken[0].long()) > 0
        return roots.masked_fill(bad.view(-1, 1, 1, 1, 1), math.nan)
