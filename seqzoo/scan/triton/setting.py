"""A problem of the linear recurrence as the kernels take it: sizes, streams, chunks, launches.

Key streams are the writes' keys, behind the erase's own key where that is not write key 1. The
erase's reads are a view of one of them where no others are given.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from seqzoo.scan.chunked.rows import ScanOptions, ScanTensors, own_streams
from seqzoo.scan.triton.architecture import architecture_of, capability
from seqzoo.scan.triton.chunk_table import ChunkTable, chunk_table
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.launch import Kernel, launch

BLOCK = 16
"""Rows of the smallest matrix product, and of a block of a chunk."""


class Setting:
    """Sizes and constants of a problem, and its tensors laid out for the kernels.

    Args:
        tensors: queries, keys, values and the erase's in one dtype, float32 or half; log decay and
            strengths in any.
        options: what is not differentiated.
    """

    def __init__(self, tensors: ScanTensors, options: ScanOptions) -> None:
        self.queries = tensors.queries.contiguous()
        self.values = tensors.values.contiguous()
        self.strengths = _contiguous(tensors.strengths)
        self.log_decay = _contiguous(tensors.log_decay)
        self.strength = _contiguous(tensors.erase_strength)
        self.scale = float(options.scale)
        self.batch, self.time, self.key_heads, self.key_size = self.queries.shape
        self.heads, self.value_size = self.values.shape[-2:]
        self.dtype = self.queries.dtype

        self.erases = tensors.erases
        self.own = own_streams(tensors, options)
        self.keys = self._stream_keys(tensors)
        self.streams = self.keys.shape[2]
        self.rank = self.streams - self.own
        # the erase reads with key stream 0
        self.shared = int(tensors.tied or (self.own > 0 and tensors.erase_write is None))
        self.read, self.read_stride = self._reads(tensors)
        self.kind = 0 if self.log_decay is None else self.log_decay.ndim - 2
        self.before = int(options.before_decay and self.kind > 0)

        self.device = self.queries.device
        self.chunk = self._chunk(options.chunk_size)
        self.table: ChunkTable | None = None
        self.num_sequences = self.batch
        self.num_chunks = self.batch * -(-self.time // self.chunk)
        if options.cu_seqlens is not None:
            bounds = options.cu_seqlens.to(self.device)
            self.table = chunk_table(bounds, self.time, self.chunk)
            self.num_sequences = len(bounds) - 1
            self.num_chunks = len(self.table.starts)

    @property
    def size(self) -> HeadSize:
        """What configurations are ordered by."""
        return HeadSize(max(self.key_size, self.value_size), 8 * self.queries.element_size())

    @property
    def half(self) -> bool:
        """Whether the inputs are of half precision."""
        return self.queries.element_size() == 2

    @property
    def precision(self) -> str:
        """How float32 operands are multiplied: on NVIDIA's matrix unit as three products of tf32,
        which keeps float32's digits but the last few; elsewhere as they are."""
        return "ieee" if capability(architecture_of(self.device)) is None else "tf32x3"

    @property
    def solve(self) -> str:
        """The same for a chunk's inverse: as it is rounded to half precision where the inputs are,
        one product of tf32, which has float16's digits, does there."""
        return "tf32" if self.half and self.precision != "ieee" else self.precision

    def launch(
        self,
        kernel: Kernel,
        columns: tuple[int, str] | None = None,
        programs: int = 1,
        chunks: int | None = None,
        **arguments: Any,
    ) -> None:
        """`programs` times the tiles that cover `columns`, (size, name of the tile), for each head
        of each chunk. The problem's own arguments need not be given.

        Args:
            chunks: how many there are of what takes a chunk's place.
        """
        config = config_for(kernel.__name__, self.size, self.device)
        if columns is not None:
            programs *= -(-columns[0] // config.tiles[columns[1]])
        grid = (programs * self.heads * (self.num_chunks if chunks is None else chunks),)
        launch(kernel, grid, self._arguments(kernel, arguments), config)

    def blocks(self, kernel: Kernel, size: int, tile: str) -> int:
        """How many of a kernel's tiles cover `size`."""
        return -(-size // config_for(kernel.__name__, self.size, self.device).tiles[tile])

    @cached_property
    def _common(self) -> dict[str, Any]:
        """What kernels take under these names: the inputs, where chunks and sequences lie, sizes,
        and constants."""
        table = self.table
        return {
            "queries": self.queries,
            "keys": self.keys,
            "values": self.values,
            "strengths": self.strengths,
            "log_decay": self.log_decay,
            "read": self.read,
            "strength": self.strength,
            "read_stride": self.read_stride,
            "part_stride": self.batch * self.time * self.heads,
            "starts": None if table is None else table.starts,
            "counts": None if table is None else table.counts,
            "first": None if table is None else table.first,
            "time": self.time,
            "heads": self.heads,
            "key_heads": self.key_heads,
            "key_size": self.key_size,
            "value_size": self.value_size,
            "scale": self.scale,
            "KIND": self.kind,
            "ERASE": int(self.erases),
            "OWN": self.own,
            "SHARED": self.shared,
            "BEFORE": self.before,
            "STREAMS": self.streams,
            "PRECISION": self.precision,
            "SOLVE": self.solve,
            "HALF": int(self.half),
            "CHUNK": self.chunk,
            "KEYS": max(BLOCK, 1 << (self.key_size - 1).bit_length()),
        }

    def _arguments(self, kernel: Kernel, given: dict[str, Any]) -> dict[str, Any]:
        """What is given, and of the common arguments those that the kernel has."""
        return {n: self._common[n] for n in kernel.arg_names if n in self._common} | given

    def squares(self, *lead: int, dtype: torch.dtype | None = None) -> Tensor:
        """(chunks, H, ..., C, C), empty."""
        return self.empty(*lead, self.chunk, self.chunk, dtype=dtype)

    def empty(self, *trailing: int, dtype: torch.dtype | None = None) -> Tensor:
        """(chunks, H, ...), empty."""
        shape = (self.num_chunks, self.heads, *trailing)
        return self.queries.new_empty(shape, dtype=dtype or self.dtype)

    def _stream_keys(self, tensors: ScanTensors) -> Tensor:
        if not self.own:
            return tensors.keys.contiguous()
        own = tensors.erase_read if tensors.erase_write is None else tensors.erase_write
        assert own is not None
        return torch.cat((own.unsqueeze(2), tensors.keys), dim=2)

    def _reads(self, tensors: ScanTensors) -> tuple[Tensor, int]:
        """The reads and the distance of two tokens' in memory; the keys if there is no erase."""
        if self.shared or tensors.erase_read is None:
            stream = 0 if self.shared else self.own
            return self.keys[:, :, stream], self.streams * self.key_heads * self.key_size
        return tensors.erase_read.contiguous(), self.key_heads * self.key_size

    def _chunk(self, most: int) -> int:
        """16, 32 or 64 tokens: the most that the caller and the registers allow."""
        fits = most_tokens(self.size)
        if self.kind == 2 and self.before and not self.half:
            fits = BLOCK  # a read of its own decay takes more registers
        return max(BLOCK, min(fits, 1 << (max(most, 1).bit_length() - 1)))


def most_tokens(size: HeadSize) -> int:
    """How long a chunk may be: what registers hold of its square matrices, which for float32 are
    multiplied in parts, and of a float32 state."""
    if size.bits == 32:
        return 32 if size.elements <= 128 else BLOCK
    return 64


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
