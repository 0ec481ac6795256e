"""Mamba-3's readout of several reads per token: each gated by itself, then mixed."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import Activation, Dims, Features, Readout, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["JointReads"]


class JointReads(Readout):
    """y = W_o sum_m c^m * (o^m + D v^m) * act(b^m * W_z x), reads m = 1..M (arXiv 2603.15569).

    b and c are numbers for each read, head and feature, from 1 and 1 / M; D is one a head, from 1,
    and v^m the value that went in with key m.
    """

    name = "joint_reads"
    joins = True

    class Spec(PartSpec):
        """rank: M, as that of the injection. activation: of the gates."""

        rank: PositiveInt = 4
        activation: PartSpec[Activation] = slot("activation", "silu")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        rank, heads, size = spec.rank, dims.heads, dims.value_size
        self.rank = rank
        self.skip = nn.Parameter(torch.ones(heads, 1))
        self.gate = nn.Linear(dims.width, heads * size, bias=False)
        self.gates = nn.Parameter(torch.ones(rank, heads, size))
        self.mix = nn.Parameter(torch.full((rank, heads, size), 1 / rank))
        self.activation: Activation = spec.activation.build()
        self.project = nn.Linear(heads * size, dims.width, bias=False)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """The readout must join as many reads as the injection is made for."""
        reads = injection.part.reads(injection)
        if reads != spec.rank:
            return (
                f"readout '{cls.name}' of rank {spec.rank} joins as many reads, and injection "
                f"'{injection.part.name}' is read {reads} times a token: give both the same rank"
            )
        return super().misfit(spec, injection)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, M, H, V), x (B, T, D) -> y (B, T, D).

        Raises:
            SpecError: there is one read a token.
        """
        if reads.ndim != 5:
            raise SpecError(
                f"readout '{self.name}' joins {self.rank} reads a token, and here there is one: "
                "use it beside an injection that is read so often"
            )
        values = features.writes.values[:, :, 0].unflatten(1, (-1, self.rank))
        o = reads + self.skip.to(reads.dtype) * values
        z = self.gate(features.x).unflatten(-1, self.gates.shape[1:]).unsqueeze(2)
        gated = o * self.activation(self.gates.to(z.dtype) * z)
        return self.project((self.mix.to(gated.dtype) * gated).sum(2).flatten(2))
