"""The rule `delayed`: linear attention whose writes wait for the end of their chunk."""

from __future__ import annotations

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims
from seqzoo.scan import Transition, Writes, scan
from seqzoo.spec import PartSpec
from seqzoo_ttt.rules.periodic import PeriodicRule

__all__ = ["DelayedRule"]

BLOCK = 2048  # tokens that one scan takes, at least four chunks


class DelayedRule(PeriodicRule):
    """o_t = S_c q_t, S_{c+1} = S_c + rate * sum over t in chunk c of (W^T conv(v)_t) k_t^T.

    A chunk reads what the chunks before it wrote, and S_0 is learned. So its writes may look ahead
    within the chunk: conv is depthwise, over the tokens from t - r to t + r, with zeros beyond the
    chunk's ends. In-Place TTT (arXiv 2604.06169, its published code): taps of 0 and a diagonal W of
    N(0, 0.02^2) at first, so that nothing is written before it is trained.

    Whole chunks are one linear scan over twice the tokens: each chunk's reads, and then its writes.
    """

    name = "delayed"

    class Spec(PartSpec):
        """When and how strongly to write.

        chunk: C, tokens that read the same state; published runs have 4096 and 8192.
        look_ahead: r.
        rate: of all writes.
        """

        chunk: PositiveInt = 8
        look_ahead: NonNegativeInt = 2
        rate: float = Field(default=0.3, gt=0.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.period, self.look_ahead, self.rate = spec.chunk, spec.look_ahead, spec.rate
        self.block_size = self.period * max(4, BLOCK // self.period)
        heads, size, keys = dims.heads, dims.value_size, dims.key_size
        bound = keys**-0.5
        self.initial = nn.Parameter(torch.empty(heads, size, keys).uniform_(-bound, bound))
        self.taps = nn.Parameter(torch.zeros(heads, size, 2 * spec.look_ahead + 1))
        self.project = nn.Parameter(torch.diag_embed(0.02 * torch.randn(heads, size)))

    def start(self, sequences: int, like: Tensor) -> dict[str, Tensor]:
        """S_0, nothing pending, zeros before the chunk's first token; float32 or wider."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        heads, size, keys = self.initial.shape
        weights = self.initial.to(dtype).expand(sequences, heads, size, keys).clone()
        return {
            "weights": weights,
            "pending": torch.zeros_like(weights),
            "values": weights.new_zeros(sequences, 2 * self.look_ahead, heads, size),
            "keys": weights.new_zeros(sequences, self.look_ahead, heads, keys),
            "place": torch.zeros(sequences, dtype=torch.long, device=like.device),
        }

    def step(
        self, state: dict[str, Tensor], token: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """One token; what it sees completes the write of the token r before it."""
        weights, place = state["weights"], state["place"]
        q, k, v = (token[name].to(weights.dtype) for name in ("queries", "keys", "values"))
        values = torch.cat([state["values"], v.unsqueeze(1)], dim=1)
        keys = torch.cat([state["keys"], k.unsqueeze(1)], dim=1)
        pending = state["pending"] + self._written(values, keys[:, :1])
        last = F.pad(values[:, 1:], (0, 0, 0, 0, 0, self.look_ahead))
        whole = weights + pending
        if self.look_ahead:
            whole = whole + self._written(last, keys[:, 1:])
        ends = place == self.period - 1
        after = {
            "weights": _where(ends, whole, weights),
            "pending": _where(ends, torch.zeros_like(pending), pending),
            "values": _where(ends, torch.zeros_like(values[:, 1:]), values[:, 1:]),
            "keys": _where(ends, torch.zeros_like(keys[:, 1:]), keys[:, 1:]),
            "place": (place + 1) % self.period,
        }
        return after, (weights @ q.unsqueeze(-1)).squeeze(-1)

    def block(
        self, state: dict[str, Tensor], tokens: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Tokens from a chunk's first on: whole chunks by the scan, then what is left of one."""
        weights = state["weights"]
        q, k, v = (tokens[name].to(weights.dtype) for name in ("queries", "keys", "values"))
        length = q.shape[1]
        whole = length // self.period * self.period
        reads = []
        if whole:
            read, weights = self._chunks(weights, q[:, :whole], k[:, :whole], v[:, :whole])
            reads.append(read)
        q, k, v = q[:, whole:], k[:, whole:], v[:, whole:]
        reads.append(torch.einsum("bhvk,bthk->bthv", weights, q))
        reach = self.look_ahead
        v, k = F.pad(v, (0, 0, 0, 0, 2 * reach, 0)), F.pad(k, (0, 0, 0, 0, reach, 0))
        done = k.shape[1] - reach  # the first `reach` of them are zeros
        pending = torch.zeros_like(weights)
        if done:
            pending = self._written(v, k[:, :done])
        after = {
            "weights": weights,
            "pending": pending,
            "values": v[:, v.shape[1] - 2 * reach :],
            "keys": k[:, k.shape[1] - reach :],
            "place": (state["place"] + length) % self.period,
        }
        return after, torch.cat(reads, dim=1)

    def _chunks(self, state: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Whole chunks: S (B, H, V, K), (B, nC, H, ...) -> reads (B, nC, H, V), S."""
        q, k, v = (x.unflatten(1, (-1, self.period)) for x in (q, k, v))
        around = F.pad(v, (0, 0, 0, 0, self.look_ahead, self.look_ahead))
        written = self._targets(around)
        queries = torch.cat([q, torch.zeros_like(q)], dim=2).flatten(1, 2)
        keys = torch.cat([torch.zeros_like(k), k], dim=2).flatten(1, 2).unsqueeze(2)
        values = torch.cat([torch.zeros_like(v), written], dim=2).flatten(1, 2).unsqueeze(2)
        reads, state = scan(queries, Transition(), Writes(keys, values), state)
        return reads.unflatten(1, (-1, 2 * self.period))[:, :, : self.period].flatten(1, 2), state

    def _targets(self, values: Tensor) -> Tensor:
        """rate W^T conv(v): (..., n + 2r, H, V) -> (..., n, H, V)."""
        taps, width = self.taps.to(values.dtype), 2 * self.look_ahead + 1
        count = values.shape[-3] - width + 1
        conv = sum(values.narrow(-3, j, count) * taps[..., j] for j in range(width))
        return self.rate * torch.einsum("...hv,hvw->...hw", conv, self.project.to(values.dtype))

    def _written(self, values: Tensor, keys: Tensor) -> Tensor:
        """The writes of n keys (B, n, H, K) with values (B, n + 2r, H, V) around: (B, H, V, K)."""
        return torch.einsum("bthv,bthk->bhvk", self._targets(values), keys)


def _where(ends: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(ends.view(-1, *[1] * (no.ndim - 1)), yes, no)
