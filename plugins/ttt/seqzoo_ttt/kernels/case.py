"""What the kernels are compiled for and checked on, and the token loop that they are checked by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan.triton.aot.kernel_case import Tensors
from seqzoo_ttt.kernels.problem import Found, Given

__all__ = ["CASES", "TABLE", "DualCase", "primal"]

TABLE = Path(__file__).with_name("configs.json")


@dataclass(frozen=True)
class DualCase:
    """TTT-Linear over sequences.

    Args:
        dtype: of queries, keys and values.
        size: K.
        time: T, no multiple of a mini-batch.
        mini_batch: b.
        batch, heads: B and H.
        packed: two sequences and an empty one in place of a batch.
    """

    dtype: torch.dtype
    size: int = 64
    time: int = 40
    mini_batch: int = 16
    batch: int = 2
    heads: int = 2
    packed: bool = False

    @property
    def name(self) -> str:
        """Its features."""
        packed = ", packed" if self.packed else ""
        return f"TTT-Linear, heads of {self.size}, mini-batch {self.mini_batch}{packed}"

    def tensors(self, device: torch.device) -> Tensors:
        """Weights and a norm that all matter, rates as large as they come."""
        generator = torch.Generator().manual_seed(0)
        batch = 1 if self.packed else self.batch
        sequences = 3 if self.packed else batch
        tokens, size = (batch, self.time, self.heads), self.size

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator)

        places = torch.arange(1, self.mini_batch + 1)
        made = Given(
            normal(*tokens, size).to(self.dtype),
            normal(*tokens, size).to(self.dtype),
            normal(*tokens, size).to(self.dtype),
            torch.rand(tokens, generator=generator) / size,
            (1 / places + 0.02 * normal(self.mini_batch)).clamp_min(0.0),
            1 + 0.1 * normal(self.heads, size),
            0.1 * normal(self.heads, size),
            normal(sequences, self.heads, size, size) / size**0.5,
            0.1 * normal(sequences, self.heads, size),
        )
        return {name: x.to(device) for name, x in made._asdict().items()}

    def run(self, tensors: Tensors, cotangents: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """By the kernels; cotangents None are ones."""
        from seqzoo_ttt.kernels.run import run_backward, run_forward

        given = Given(**tensors)
        bounds = self.bounds(given.keys.device)
        found, kept = run_forward(given, bounds)
        if cotangents is None:
            of = Found(*(torch.ones_like(x) for x in found))
        else:
            pairs = zip(found, (cotangents[name] for name in Found._fields), strict=True)
            of = Found(*(given.to(x.dtype) for x, given in pairs))
        return found._asdict(), run_backward(given, bounds, kept, of)._asdict()

    def reference(self, tensors: Tensors) -> Tensors:
        """Token by token."""
        return primal(Given(**tensors), self.bounds(torch.device("cpu")))._asdict()

    def bounds(self, device: torch.device) -> Tensor | None:
        """Where the packed sequences begin and end."""
        if not self.packed:
            return None
        return torch.tensor([0, self.time // 3, self.time // 3, self.time]).to(device)


def primal(given: Given, cu_seqlens: Tensor | None = None) -> Found:
    """TTT-Linear as its definition reads: each token reads W less what tokens up to it add up to.

    The inner gradients are autograd's of |LN(k W + b) - (v - k)|^2 / 2, at the mini-batch's first
    weights; all of it can be differentiated again.
    """
    bounds = [0, given.keys.shape[1]] if cu_seqlens is None else cu_seqlens.tolist()
    parts: list[Found] = []
    for number, (begin, end) in enumerate(pairwise(bounds)):
        own = slice(None) if cu_seqlens is None else slice(number, number + 1)
        q, k, v, rates = (x[:, begin:end] for x in given[:4])
        alone = given._replace(queries=q, keys=k, values=v, rates=rates)
        parts.append(_sequences(alone._replace(weight=given.weight[own], bias=given.bias[own])))
    reads = torch.cat([part.reads for part in parts], 1)
    return Found(
        reads, *(torch.cat(each) for each in zip(*(part[1:] for part in parts), strict=True))
    )


def _sequences(given: Given) -> Found:
    scale, shift, weight, bias = given[5:]
    sum_w, sum_b, reads = torch.zeros_like(weight), torch.zeros_like(bias), []

    def norm(z: Tensor) -> Tensor:
        return scale * F.layer_norm(z, z.shape[-1:], eps=1e-6) + shift

    def memory(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("nhk,nhkv->nhv", x, w) + b

    with torch.enable_grad():
        if not weight.requires_grad:
            weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        for t in range(given.keys.shape[1]):
            q, k, v, eta = (x[:, t] for x in given[:4])
            loss = (norm(memory(k, weight, bias)) - (v - k)).square().sum() / 2
            of_w, of_b = torch.autograd.grad(loss, [weight, bias], create_graph=True)
            sum_w = sum_w + eta[..., None, None] * of_w
            sum_b = sum_b + eta[..., None] * of_b
            place = t % len(given.factors)
            factor = given.factors[place]
            read_w, read_b = weight - factor * sum_w, bias - factor * sum_b
            reads.append(q + norm(memory(q, read_w, read_b)))
            if place == len(given.factors) - 1:
                weight, bias = read_w, read_b
                sum_w, sum_b = torch.zeros_like(sum_w), torch.zeros_like(sum_b)
    joined = torch.stack(reads, 1) if reads else given.values
    return Found(joined, weight, bias, sum_w, sum_b)


CASES = (
    DualCase(torch.bfloat16),
    DualCase(torch.float16),
    DualCase(torch.bfloat16, size=48),
    DualCase(torch.bfloat16, size=20, mini_batch=5, packed=True),
    DualCase(torch.float32, size=32),
    DualCase(torch.float32, size=20, mini_batch=8, packed=True),
)
