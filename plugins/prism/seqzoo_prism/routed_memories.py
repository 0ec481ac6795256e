"""The mixer `routed_memories`: a recurrent mixer with memories that only some tokens reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree

from seqzoo.errors import counted
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.operators import Features, Memory, Place, State, Stream
from seqzoo.operators.routing import Routing, balance_loss, check_top_k, route
from seqzoo.scan.precision import full_precision

__all__ = ["RoutedMemories"]


class RoutedMemories(RecurrentMixer):
    """o = S^0 q + sum over the k best memories m of w_m S^m q, S^m_t = S^m_{t-1} A^m_t + B^m_t.

    Tokens are routed as in Mixture of Memories (arXiv 2502.13685), for any injection with any
    forget: softmax(W_r x) chooses k of M memories for each token, and weights their reads. A memory
    that a token is not sent to keeps its state; S^0 sees every token. Each memory has its own
    injection and forget; anchor, queries and readout are shared.

    Writes are made for all memories and then picked, so no shape depends on the routes. The picked
    tokens of each memory are a document of one packed scan.
    """

    name = "routed_memories"
    bit_causal = False  # where a token stands in the packed row depends on all routes

    class Spec(RecurrentMixer.Spec):
        """A recurrent mixer's slots, and its memories.

        memories: M, beside the one that sees every token.
        top_k: k, memories a token is sent to.
        balance: weight of the loss M sum_m f_m P_m that keeps memories in equal use; 0 for none.
        """

        memories: PositiveInt = 4
        top_k: PositiveInt = 2
        balance: float = Field(default=0.01, ge=0.0)

        @model_validator(mode="after")
        def _chooses_among_them(self) -> RoutedMemories.Spec:
            check_top_k(self.top_k, self.memories)
            return self

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.top_k, self.balance = spec.top_k, spec.balance
        self.router = nn.Linear(place.width, spec.memories, bias=False)
        each = range(spec.memories)
        self.injections = nn.ModuleList(spec.injection.build(self.dims) for _ in each)
        self.forgets = nn.ModuleList(spec.forget.build(self.dims) for _ in each)
        self.routed = Memory(self.memory.scan, self.memory.scale)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        writes = self.injection(u, stream)
        features = Features(x, u, self.queries(u, stream, writes), writes)
        reads = self.memory(features.queries, self.forget(features, stream), writes, stream)
        reads = reads + self._from_chosen(features, stream)
        return self.readout(reads, features, stream)

    def _from_chosen(self, features: Features, stream: Stream) -> Tensor:
        """Features of (B, T) tokens -> sum of w_m S^m q over the chosen, (B, T, ..., H, V)."""
        x, memories = features.x, len(self.injections)
        scores = self._scores(x)
        routing = route(scores, self.top_k, stream)
        if self.balance and scores.numel():
            stream.add_loss("memory_balance", self.balance * balance_loss(scores, routing))
        writes = [injection(features.u, stream) for injection in self.injections]
        transitions = [
            forget(replace(features, writes=written), stream)
            for forget, written in zip(self.forgets, writes, strict=True)
        ]
        before: State = stream.past(self, "memories", lambda: None)
        if before is not None:
            before = pytree.tree_map(lambda each: each.flatten(0, 1), before)
        inner = Stream(stream.sequences * memories, before, routing.bounds)
        tokens = x.shape[0] * x.shape[1]
        queries = features.queries.flatten(0, 1)[routing.tokens].unsqueeze(0)
        transition, written = (_picked(each, tokens, routing) for each in (transitions, writes))
        found = self.routed(queries, transition, written, inner)[0]
        apart = (stream.sequences, memories)
        after = pytree.tree_map(lambda each: each.unflatten(0, apart), inner.after())
        stream.keep(self, "memories", after)
        weights = routing.weights.to(found.dtype)
        found = found * weights.view(-1, *[1] * (found.ndim - 1))
        reads = found.new_zeros(tokens, *found.shape[1:])
        return reads.index_add(0, routing.tokens, found).unflatten(0, x.shape[:2])

    def _scores(self, x: Tensor) -> Tensor:
        """x (B, T, D) -> softmax(W_r x), (B, T, M), at least in float32: rounding moves routes."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        with full_precision(x):
            return F.linear(x.to(dtype), self.router.weight.to(dtype)).softmax(-1)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The recurrence of each memory, and how many there are."""
        count = counted(len(self.injections), "memory", "memories")
        routes = f"{count} beside it, of which a token writes and reads {self.top_k}"
        first, *slots = super().recurrence()
        return (first, ("routes", routes), *slots)


def _picked(each: Sequence[Any], tokens: int, routing: Routing) -> Any:
    """Of each memory's tensors (B, T * n, ...) those of the entries P, as one row (1, P * n, ...).

    `each` holds tensors, or dataclasses of them; what is neither is the same for all memories.
    """
    first = each[0]
    if isinstance(first, Tensor):
        size = first.shape[0] * first.shape[1] // max(tokens, 1)
        stack = torch.stack([one.reshape(tokens, size, *one.shape[2:]) for one in each])
        return stack[routing.memories, routing.tokens].flatten(0, 1).unsqueeze(0)
    if is_dataclass(first) and not isinstance(first, type):
        names = [field.name for field in fields(first)]
        parts = {n: _picked([getattr(one, n) for one in each], tokens, routing) for n in names}
        return replace(first, **parts)
    return first
