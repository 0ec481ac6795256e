"""The scan family: a named backend as a part, so that a spec can choose it.

scan: reference
scan: {type: chunked, chunk_size: 32}
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt
from torch import Tensor

from seqzoo.scan.chunked.backend import ChunkedBackend
from seqzoo.scan.elementwise import elementwise_scan
from seqzoo.scan.recurrence import ScanResult, Transition, Writes
from seqzoo.scan.reference import ReferenceBackend
from seqzoo.scan.select import Backend, scan, step
from seqzoo.scan.selective import SelectiveDecay, selective_scan
from seqzoo.scan.token import transition_at, writes_at
from seqzoo.scan.triton.backend import TritonBackend
from seqzoo.spec import Part, PartSpec

__all__ = ["AutoScan", "ChunkedScan", "ReferenceScan", "ScanPart", "TritonScan"]


class ScanPart(Part, family="scan"):
    """Runs `scan` on one backend. Built from its spec alone; a plugin gives its own `backend`.

    Mixers on the element-wise scan hold the same part and call its `elementwise`, or `selective`.

    Attributes:
        backend: the backend, or the name of a built-in one.
        elementwise_backend: the name of the element-wise scan's backend.
    """

    class Spec(PartSpec):
        """chunk_size: tokens per chunk; changes speed and memory, not the result."""

        chunk_size: PositiveInt = 64

    backend: ClassVar[str | Backend]
    elementwise_backend: ClassVar[str] = "auto"

    def __init__(self, spec: Spec) -> None:
        self.chunk_size = spec.chunk_size

    def __call__(
        self,
        queries: Tensor,
        transition: Transition,
        writes: Writes,
        state: Tensor | None,
        *,
        cu_seqlens: Tensor | None = None,
        scale: float = 1.0,
        transposed_read: bool = False,
    ) -> ScanResult:
        """As `seqzoo.scan.scan`; a sequence of one token runs the backend's `step`."""
        if queries.shape[1] == 1 and cu_seqlens is None:
            if writes.steps == 1:
                transition, writes = transition_at(transition, 0), writes_at(writes, 0)
            outputs, state = step(
                queries[:, 0],
                transition,
                writes,
                state,
                scale=scale,
                transposed_read=transposed_read,
                backend=self.backend,
            )
            return ScanResult(outputs.unsqueeze(1), state)
        return scan(
            queries,
            transition,
            writes,
            state,
            cu_seqlens=cu_seqlens,
            scale=scale,
            chunk_size=self.chunk_size,
            transposed_read=transposed_read,
            backend=self.backend,
        )

    def elementwise(
        self,
        log_decay: Tensor,
        inputs: Tensor,
        state: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> ScanResult:
        """As `seqzoo.scan.elementwise_scan`; `chunk_size` does not apply."""
        backend = self.elementwise_backend
        return elementwise_scan(log_decay, inputs, state, cu_seqlens, backend=backend)

    def selective(
        self,
        decay: SelectiveDecay,
        steps: Tensor,
        rates: Tensor,
        keys: Tensor,
        values: Tensor,
        queries: Tensor,
        state: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> ScanResult:
        """As `seqzoo.scan.selective_scan`, on the element-wise scan's backend."""
        tensors = (steps, rates, keys, values, queries)
        backend = self.elementwise_backend
        return selective_scan(decay, *tensors, state, cu_seqlens, backend=backend)


class AutoScan(ScanPart):
    """The fastest built-in backend that can compute the problem on its device."""

    name = "auto"
    backend = "auto"


class ChunkedScan(ScanPart):
    """The exact chunked form in torch, on any device."""

    name = "chunked"
    backend = ChunkedBackend()
    elementwise_backend = "chunked"


class ReferenceScan(ScanPart):
    """The token loop: slow, and the oracle of all others."""

    name = "reference"
    backend = ReferenceBackend()
    elementwise_backend = "reference"


class TritonScan(ScanPart):
    """The exact chunked form as Triton kernels, on a GPU."""

    name = "triton"
    backend = TritonBackend()
    elementwise_backend = "triton"
