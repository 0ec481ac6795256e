"""The memory of a recurrent mixer: the shared scan, and the state it carries."""

from __future__ import annotations

from torch import Tensor

from seqzoo.operators.several_reads import several_reads
from seqzoo.operators.stream import Carrier, Stream
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart

__all__ = ["Memory"]


class Memory(Carrier):
    """S_t = S_{t-1} A_t + B_t, o_t = scale S_t q_t, with S carried from call to call.

    Args:
        scan: the backend.
        scale: a factor on the reads.
        transposed: read o_t = scale S_t^T q_t, (B, T, H, V) -> (B, T, H, K).
    """

    def __init__(self, scan: ScanPart, scale: float = 1.0, *, transposed: bool = False) -> None:
        super().__init__()
        self.scan = scan
        self.scale = scale
        self.transposed = transposed

    def forward(
        self, queries: Tensor, transition: Transition, writes: Writes, stream: Stream
    ) -> Tensor:
        """queries (B, T, G, K), A, B -> reads o (B, T, H, V) in the queries' dtype.

        Queries (B, T, Q, G, K) read Q times per token, all after its last write: (B, T, Q, H, V).
        """
        before, bounds = stream.past(self, "state", lambda: None), stream.cu_seqlens
        count = queries.shape[2] if queries.ndim == 5 else 0
        micro = writes.steps + count - 1
        if count:
            queries, transition, writes = several_reads(queries, transition, writes)
            bounds = None if bounds is None else bounds * micro
        reads, state = self.scan(
            queries,
            transition,
            writes,
            before,
            cu_seqlens=bounds,
            scale=self.scale,
            transposed_read=self.transposed,
        )
        stream.keep(self, "state", state)
        return reads.unflatten(1, (-1, micro))[:, :, -count:] if count else reads
