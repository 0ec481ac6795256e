"""The rule `ttt`: a memory trained on each token's own loss, as a layer's state."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Stream
from seqzoo.operators.rotary import rotate
from seqzoo.scan import serial_scan
from seqzoo.spec import PartSpec, since, slot
from seqzoo_ttt.kernels.choice import Backend, backend_for
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories import Memory
from seqzoo_ttt.memories.maps import Weights, chosen, dual_maps, maps_of
from seqzoo_ttt.optimizers import InnerOptimizer
from seqzoo_ttt.rules.periodic import PeriodicRule

__all__ = ["TttRule"]

BLOCK = 64  # tokens of a block where there is no mini-batch


class TttRule(PeriodicRule):
    """W_n = optimizer(W, dl(W; k_j, v_j)/dW of tokens j <= n), read f(W_n; q_n).

    Test-time training (arXiv 2407.04620): within a mini-batch of b tokens all gradients are taken
    at its first weights W; what each token reads, and what is carried on, is up to the inner
    optimizer. The state is W, what the optimizer carries, and the place in the mini-batch.
    """

    name = "ttt"
    kernels = "seqzoo_ttt.kernels.case"

    class Spec(PartSpec):
        """The memory, and how it is trained at test time.

        memory: the network whose weights are the state.
        loss: of a token, and how the memory is read.
        optimizer: what gradients do to the weights.
        mini_batch: b, tokens whose gradients are taken at the same weights; null for gradients at
            the initial weights throughout.
        rotary: whether queries and keys are turned by their place in the mini-batch (RoPE).
        compile: whether a mini-batch's dual form in torch goes through torch.compile.
        backend: of many tokens: chunked, the dual form in torch; triton, the same as a kernel on a
            GPU, of TTT-Linear alone; reference, token by token; auto, the kernel where it can
            compute, else chunked.
        """

        memory: PartSpec[Memory] = slot("memory", "linear")
        loss: PartSpec[InnerLoss] = slot("inner_loss", "ln_reconstruction")
        optimizer: PartSpec[InnerOptimizer] = slot("inner_optimizer", "sgd", default_type="sgd")
        mini_batch: PositiveInt | None = 16
        rotary: bool = True
        compile: bool = False
        backend: Backend = since("0.2", "auto")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        _check(spec, dims)
        self.mini_batch, self.rotary, self.compiled = spec.mini_batch, spec.rotary, spec.compile
        self.backend: Backend = spec.backend
        self.memory: Memory = spec.memory.build(dims)
        self.loss: InnerLoss = spec.loss.build(dims)
        self.optimizer: InnerOptimizer = spec.optimizer.build(
            dims, spec.mini_batch, tuple(self.memory.initial())
        )
        self.period = self.optimizer.period
        self.block_size = self.mini_batch or -(-BLOCK // self.period) * self.period

    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """The optimizer's numbers, (B, T, H) each."""
        return self.optimizer.inputs(u, stream)

    def start(self, sequences: int, like: Tensor) -> dict[str, Any]:
        """The learned initial weights, place 0; float32 or wider."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        weights = {
            name: {key: x.to(dtype).expand(sequences, *x.shape).clone() for key, x in layer.items()}
            for name, layer in self.memory.initial().items()
        }
        place = torch.zeros(sequences, dtype=torch.long, device=like.device)
        return {"weights": weights, "optimizer": self.optimizer.start(weights), "place": place}

    def step(
        self, state: dict[str, Any], token: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """One token, the primal form: state, token of (B, H, ...) -> state, read (B, H, V)."""
        base, place = state["weights"], state["place"]
        tokens = {name: x.unsqueeze(1) for name, x in token.items()}
        q, k, v, numbers = self._prepared(tokens, place[:, None], base)
        seen = self.memory.gradients(base, self.loss, k, v)
        moved = self.optimizer.one(base, state["optimizer"], seen, numbers, place)
        read = self.loss.read(self.memory(maps_of(moved.read), q), q).squeeze(2)
        weights = base
        if self.mini_batch is not None:
            ends = place == self.mini_batch - 1
            weights = chosen(ends, moved.after, base)
        place = (place + 1) % self.period
        return {"weights": weights, "optimizer": moved.carried, "place": place}, read

    def block(
        self, state: dict[str, Any], tokens: dict[str, Tensor]
    ) -> tuple[dict[str, Any], Tensor]:
        """Up to b tokens from the start of a mini-batch, by the dual form."""
        base, place, carried = state["weights"], state["place"], state["optimizer"]
        length = tokens["keys"].shape[1]
        q, k, v, numbers = self._prepared(tokens, torch.arange(length, device=place.device), base)
        seen = self.memory.gradients(base, self.loss, k, v)
        dual = dual_maps(self.optimizer.reads(base, carried, numbers), seen)
        reads = self.loss.read(self.memory(dual, q), q).transpose(1, 2)
        moved = self.optimizer.many(base, carried, seen, numbers)
        weights = moved.after if length == self.mini_batch else base
        place = (place + length) % self.period
        return {"weights": weights, "optimizer": moved.carried, "place": place}, reads

    def from_a_start(
        self, tokens: dict[str, Tensor], state: dict[str, Any] | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, dict[str, Any]]:
        """By the backend; one token alone is a step."""
        if tokens["keys"].shape[1] <= 1:
            return super().from_a_start(tokens, state, cu_seqlens)
        backend = backend_for(self, tokens)
        if backend == "triton":
            from seqzoo_ttt.kernels.layer import by_kernels

            return by_kernels(self, tokens, state, cu_seqlens)
        if backend == "reference":
            return serial_scan(self, tokens, state, cu_seqlens=cu_seqlens, recompute=self.recompute)
        return super().from_a_start(tokens, state, cu_seqlens)

    def _prepared(
        self, tokens: dict[str, Tensor], places: Tensor, weights: Weights
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """q, k, v (B, H, c, ...), numbers (B, H, c) in the weights' dtype; q and k turned."""
        dtype = next(iter(next(iter(weights.values())).values())).dtype
        own = {name: x.to(dtype) for name, x in tokens.items()}
        if self.rotary:
            for name in ("queries", "keys"):
                own[name] = rotate(own[name], places, neighbours=True)
        own = {name: x.transpose(1, 2) for name, x in own.items()}
        q, k, v = (own.pop(name) for name in ("queries", "keys", "values"))
        return q, k, v, own


def _check(spec: TttRule.Spec, dims: Dims) -> None:
    """Refuse sizes that RoPE cannot turn, places that are not there, and nothing to compile."""
    if spec.compile and spec.backend in ("triton", "reference"):
        raise SpecError(
            f"rule 'ttt' compiles its dual form in torch, and backend {spec.backend} computes "
            "without it: make backend chunked, or compile false"
        )
    if spec.rotary and dims.key_size % 2:
        raise SpecError(
            f"rule 'ttt' turns pairs of features, and a key has {dims.key_size}: make key_size "
            "even, or rotary false"
        )
    if spec.rotary and spec.mini_batch is None:
        raise SpecError(
            "rule 'ttt' turns queries and keys by their place in a mini-batch: give mini_batch, or "
            "make rotary false"
        )
