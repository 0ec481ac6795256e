"""The rule `ttt`: gradient descent on a token's own loss, in mini-batches, as a layer's state."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint, Rule, Stream
from seqzoo.operators.rotary import rotate
from seqzoo.scan import serial_scan
from seqzoo.spec import PartSpec, slot
from seqzoo_ttt.descent import dual_reads, layer_gradients, summed, through
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memory import Memory, Weights

__all__ = ["TttRule"]


class TttRule(Rule):
    """W_n = W - c_n sum_{j <= n} eta_j dl(W; k_j, v_j)/dW, read at q_n; W moves once a mini-batch.

    Test-time training (arXiv 2407.04620) as its published code computes it: within a mini-batch of
    b tokens all gradients are taken at its first weights; token n's read sees those of tokens up to
    n, all times its own factor c_n = max(0, 1/n + offset_n), and the weights that go on are those
    of token b. eta_j = base_rate sigmoid(w u_j + c) / K for each head.

    The state is the weights, the sum of the mini-batch's gradients so far, and the place in it.
    """

    name = "ttt"
    hints: ClassVar = {"rate": Hint(decay=False)}

    class Spec(PartSpec):
        """The memory, and how it is trained at test time.

        memory: the network whose weights are the state.
        loss: of a token, and how the memory is read.
        mini_batch: b, tokens whose gradients are taken at the same weights.
        base_rate: the inner learning rate's largest value, times K.
        rotary: whether queries and keys are turned by their place in the mini-batch (RoPE).
        """

        memory: PartSpec = slot("memory", "linear")
        loss: PartSpec = slot("inner_loss", "ln_reconstruction")
        mini_batch: PositiveInt = 16
        base_rate: float = Field(default=1.0, gt=0.0)
        rotary: bool = True

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        if spec.rotary and dims.key_size % 2:
            raise SpecError(
                f"rule 'ttt' turns pairs of features, and a key has {dims.key_size}: make key_size "
                "even, or rotary false"
            )
        self.mini_batch = spec.mini_batch
        self.rotary = spec.rotary
        self.memory: Memory = spec.memory.build(dims)
        self.loss: InnerLoss = spec.loss.build(dims)
        self.rate = nn.Linear(dims.width, dims.heads)
        nn.init.normal_(self.rate.weight, std=0.02)
        nn.init.zeros_(self.rate.bias)
        self.largest_rate = spec.base_rate / dims.key_size
        self.offsets = nn.Parameter(torch.zeros(spec.mini_batch))

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """eta (B, T, H)."""
        return {"rates": self.largest_rate * self.rate(u).sigmoid()}

    def factors(self) -> Tensor:
        """c_n of the places in a mini-batch, (b,)."""
        offsets = self.offsets
        places = torch.arange(1, self.mini_batch + 1, dtype=offsets.dtype, device=offsets.device)
        return (1 / places + offsets).clamp_min(0.0)

    def start(self, sequences: int, like: Tensor) -> dict[str, Any]:
        """The learned initial weights, no gradients, place 0; float32 or wider."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        weights = [
            {name: x.to(dtype).expand(sequences, *x.shape).clone() for name, x in layer.items()}
            for layer in self.memory.initial()
        ]
        sums = [{name: torch.zeros_like(x) for name, x in layer.items()} for layer in weights]
        place = torch.zeros(sequences, dtype=torch.long, device=like.device)
        return {"weights": weights, "sums": sums, "place": place}

    def step(
        self, state: dict[str, Any], token: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """One token, the primal form: state, token of (B, H, ...) -> state, read (B, H, V)."""
        weights, place = state["weights"], state["place"]
        q, k, v, rates = self._prepared(_at_one_place(token), place[:, None], weights)
        inputs, gradients = layer_gradients(weights, self.loss, k, v)
        sums = _added(state["sums"], summed(inputs, gradients, rates))
        factor = self.factors().to(rates.dtype)[place]
        z = through(_moved(weights, sums, factor), q)
        last = place == self.mini_batch - 1
        folded = _moved(weights, sums, torch.where(last, factor, 0.0))
        sums = [
            {name: torch.where(_over(last, x), 0.0, x) for name, x in layer.items()}
            for layer in sums
        ]
        after = {"weights": folded, "sums": sums, "place": (place + 1) % self.mini_batch}
        return after, self.loss.read(z, q).squeeze(2)

    def mini_batch_chunk(
        self, state: dict[str, Any], tokens: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """Up to b tokens from the start of a mini-batch, by the dual form."""
        weights, place = state["weights"], state["place"]
        length = tokens["keys"].shape[1]
        places = torch.arange(length, device=place.device)
        q, k, v, rates = self._prepared(tokens, places, weights)
        factors = self.factors().to(rates.dtype)[:length]
        inputs, gradients = layer_gradients(weights, self.loss, k, v)
        z = dual_reads(weights, inputs, gradients, q, factors[:, None] * rates[..., None, :])
        reads = self.loss.read(z, q).transpose(1, 2)
        sums = summed(inputs, gradients, rates)
        if length < self.mini_batch:
            return {"weights": weights, "sums": sums, "place": place + length}, reads
        folded = _moved(weights, sums, factors[-1].expand(len(place)))
        zeros = [{name: torch.zeros_like(x) for name, x in layer.items()} for layer in sums]
        return {"weights": folded, "sums": zeros, "place": torch.zeros_like(place)}, reads

    def forward(
        self, queries: Tensor, keys: Tensor, values: Tensor, u: Tensor, stream: Stream
    ) -> Tensor:
        """queries and keys (B, T, H, K), values (B, T, H, V), u (B, T, D) -> reads (B, T, H, V).

        Whole mini-batches take the dual form. Tokens that go on within one take the primal form,
        up to its end; in a compiled graph, which cannot look at the place, all that go on do.
        """
        tokens = {"queries": queries, "keys": keys, "values": values, **self.inputs(u, stream)}
        state = stream.past(self, "state", lambda: None)
        bounds, head = stream.cu_seqlens, self._until_a_start(state)
        reads, time = [], queries.shape[1]
        if head is None or (head and (bounds is not None or head >= time)):
            read, state = serial_scan(
                self, tokens, state, cu_seqlens=bounds, recompute=self.recompute
            )
            reads.append(read)
        else:
            if head:
                first = {name: x[:, :head] for name, x in tokens.items()}
                read, state = serial_scan(self, first, state, recompute=self.recompute)
                reads.append(read)
                tokens = {name: x[:, head:] for name, x in tokens.items()}
            dual = _FromAStart(self)
            read, state = serial_scan(
                dual, tokens, state, cu_seqlens=bounds, recompute=self.recompute
            )
            reads.append(read)
        stream.keep(self, "state", state)
        return torch.cat(reads, dim=1).to(values.dtype)

    def _until_a_start(self, state: dict[str, Any] | None) -> int | None:
        """Tokens until all sequences start a mini-batch; None where they differ or in a graph."""
        if state is None:
            return 0
        if torch.compiler.is_compiling():
            return None
        places = set(state["place"].tolist())
        return -places.pop() % self.mini_batch if len(places) == 1 else None

    def _prepared(
        self, tokens: dict[str, Tensor], places: Tensor, weights: Weights
    ) -> tuple[Tensor, ...]:
        """q, k, v (B, H, c, ...) and eta (B, H, c) in the weights' dtype; q and k turned."""
        dtype = weights[0]["weight"].dtype
        q, k, v, rates = (tokens[name].to(dtype) for name in ("queries", "keys", "values", "rates"))
        if self.rotary:
            q, k = (rotate(x, places, neighbours=True) for x in (q, k))
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), rates.transpose(1, 2)


class _FromAStart:
    """The rule for sequences that all start a mini-batch: the driver's chunks are mini-batches."""

    def __init__(self, rule: TttRule) -> None:
        self.chunk_size = rule.mini_batch
        self.start, self.step, self.chunk = rule.start, rule.step, rule.mini_batch_chunk


def _at_one_place(token: dict[str, Tensor]) -> dict[str, Tensor]:
    """(B, ...) -> (B, 1, ...)."""
    return {name: x.unsqueeze(1) for name, x in token.items()}


def _added(sums: Weights, more: Weights) -> Weights:
    return [
        {name: x + extra[name] for name, x in layer.items()}
        for layer, extra in zip(sums, more, strict=True)
    ]


def _moved(weights: Weights, sums: Weights, factor: Tensor) -> Weights:
    """W - factor sums, factor (B,)."""
    return [
        {name: x - _over(factor, x) * total[name] for name, x in layer.items()}
        for layer, total in zip(weights, sums, strict=True)
    ]


def _over(rows: Tensor, x: Tensor) -> Tensor:
    """(B,) -> (B, 1, ...), to go with x (B, ...)."""
    return rows.view(-1, *[1] * (x.ndim - 1))
