"""The mixer `mom`: several memories, so that tokens that would overwrite each other are kept
apart."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from seqzoo.errors import counted
from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.model.heads import default_heads, heads_misfit
from seqzoo.operators import Norm, Place, State, Stream
from seqzoo.operators.routing import Routing, balance_loss, check_top_k, route
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.delta.mom.rule import MemoryRule
from seqzoo_gla.delta.mom.writes import MemoryWrites

__all__ = ["MomMixer"]

GAIN = 2**-2.5


class MomMixer(Mixer):
    """o = sum over the k best memories m of w_m S^m q, and S^0 q of all (MoM, arXiv 2502.13685).

    softmax(W_r x) chooses k of M memories for each token, and weights their reads. Each memory is a
    gated delta rule over the tokens sent to it, a document of one packed row; no token is dropped.
    Each has its own keys, values and gates; queries, convolutions and rates of decay are shared.
    Writes are made for all memories and then picked, so no shape depends on the routes.
    """

    name = "mom"
    scaling = LINEAR
    bit_causal = False  # where a token stands in the packed row depends on all routes

    class Spec(PartSpec):
        """Memories, and their sizes.

        memories: M.
        top_k: k, memories a token is sent to.
        shared: whether there is S^0.
        balance: weight of the loss M sum_m f_m P_m that keeps memories in equal use; 0 for none.
        heads: H; null is one for every 64 features of the width.
        key_size, value_size: of a head; null is width / heads.
        kernel_size: of the convolutions of q, k and v.
        norm: of each head's reads.
        scan: the backend that computes states and reads.
        """

        memories: PositiveInt = 4
        top_k: PositiveInt = 2
        shared: bool = True
        balance: float = Field(default=0.01, ge=0.0)
        heads: PositiveInt | None = None
        key_size: PositiveInt | None = None
        value_size: PositiveInt | None = None
        kernel_size: int = Field(default=4, ge=1, le=64)
        norm: PartSpec[Norm] = slot("norm", "rms_norm")
        scan: PartSpec[ScanPart] = slot("scan", "auto")

        @model_validator(mode="after")
        def _chooses_among_them(self) -> MomMixer.Spec:
            check_top_k(self.top_k, self.memories)
            return self

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, heads = place.width, spec.heads or default_heads(place.width)
        keys, values = spec.key_size or width // heads, spec.value_size or width // heads
        self.keys, self.values = (heads, keys), (heads, values)
        self.top_k, self.balance = spec.top_k, spec.balance
        self.router = nn.Linear(width, spec.memories, bias=False)
        self.query = nn.Linear(width, heads * keys, bias=False)
        sizes = (heads * keys, heads * values, heads, heads)
        self.routed = MemoryWrites(width, spec.memories, sizes, GAIN)
        self.shared = MemoryWrites(width, 1, sizes, GAIN) if spec.shared else None
        scan: ScanPart = spec.scan.build()
        self.rule = MemoryRule(self.keys, self.values, spec.kernel_size, scan)
        self.norm: Norm = spec.norm.build(values)
        self.gate = nn.Linear(width, heads * values, bias=False)
        self.project = nn.Linear(heads * values, width, bias=False)
        for layer in (self.router, self.query, self.gate, self.project):
            nn.init.xavier_uniform_(layer.weight, GAIN)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Heads that do not divide the width, unless both sizes are given."""
        if spec.key_size and spec.value_size:
            return ""
        return heads_misfit(width, spec.heads or default_heads(width), cls.name)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        scores = torch.softmax(self.router(x), dim=-1)
        routing = route(scores, self.top_k, stream)
        if self.balance and scores.numel():
            stream.add_loss("mom_balance", self.balance * balance_loss(scores, routing))
        queries = self.query(x)
        reads = self._from_chosen(x, queries, routing, stream)
        if self.shared is not None:
            reads = reads + self.rule(queries, self.shared(x).only(), stream)
        return self.project(self.norm(reads).flatten(2) * F.silu(self.gate(x)))

    def _from_chosen(self, x: Tensor, queries: Tensor, routing: Routing, stream: Stream) -> Tensor:
        """x (B, T, D), queries (B, T, H * K) -> sum of w_m S^m q over the chosen, (B, T, H, V)."""
        memories = self.router.out_features
        apart = (stream.sequences, memories)
        before: State = stream.past(self, "memories", lambda: None)
        if before is not None:
            before = pytree.tree_map(lambda each: each.flatten(0, 1), before)
        inner = Stream(stream.sequences * memories, before, routing.bounds)
        written = self.routed(x).picked(routing.tokens, routing.memories)
        asked = queries.flatten(0, 1)[routing.tokens].unsqueeze(0)
        found = self.rule(asked, written, inner)[0] * routing.weights[:, None, None]
        after = pytree.tree_map(lambda each: each.unflatten(0, apart), inner.after())
        stream.keep(self, "memories", after)
        reads = found.new_zeros(x.shape[0] * x.shape[1], *self.values)
        return reads.index_add(0, routing.tokens, found).unflatten(0, x.shape[:2])

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """How many memories there are, and the rule of each."""
        (heads, keys), values = self.keys, self.values[1]
        shared = "" if self.shared is None else " and one of all tokens"
        memories = f"{counted(self.router.out_features, 'memory', 'memories')}{shared}"
        return (
            ("state", f"{memories}; {counted(heads, 'head')}, S is {values} x {keys} each"),
            ("update", "S_t = alpha_t S_{t-1} (I - beta k k^T) + beta v k^T where a token is sent"),
        )
