"""The recurrences measured: random inputs, and the call of `seqzoo.scan` for each.

Shapes are fla's (B, T, H, D): batch, time, heads, and one size D for keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan import Erase, ScanResult, Transition, Writes, explain_backend, scan, step

Leaves = dict[str, Tensor]

# exp(-1/2): RWKV-7 never forgets more than this a token, -0.6065 in the log.
RWKV7_LARGEST_DECAY = 0.6065306597126334


class Shape(NamedTuple):
    """(B, T, H, D)."""

    batch: int
    time: int
    heads: int
    size: int

    def __str__(self) -> str:
        return f"{self.batch}x{self.time}x{self.heads}x{self.size}"


@dataclass(frozen=True)
class Recurrence:
    """One row of the table in docs/scan.md.

    Args:
        name: as `--only` takes it.
        title: as tables print it.
        decay: "none", "head", "channel", or "step": Mamba-2's, whose step size is both the decay
            and the strength of the write.
        erase: "none", "tied" (the delta rule), or "before_decay" (RWKV-7's).
        rank: R, writes a token.
    """

    name: str
    title: str
    decay: str = "none"
    erase: str = "none"
    rank: int = 1

    def leaves(
        self, shape: Shape, dtype: torch.dtype, device: torch.device, seed: int = 0
    ) -> Leaves:
        """Random inputs by name: unit keys, strengths in (0, 1), decays of tens of tokens.

        A head's log decay and step sizes are float32, a channel's has `dtype`, as in fla's layers.
        """
        generator = torch.Generator(device).manual_seed(seed)
        tokens = (shape.batch, shape.time)
        heads = (shape.heads, shape.size)

        def normal(*sizes: int) -> Tensor:
            return torch.randn(sizes, generator=generator, device=device, dtype=torch.float32)

        def unit(*sizes: int) -> Tensor:
            return F.normalize(normal(*sizes), dim=-1)

        leaves = {
            "queries": normal(*tokens, *heads).to(dtype),
            "keys": unit(*tokens, self.rank, *heads).to(dtype),
            "values": normal(*tokens, self.rank, *heads).to(dtype),
        }
        if self.decay == "step":
            leaves["steps"] = F.softplus(normal(*tokens, shape.heads) - 3)
        if self.decay == "head":
            leaves["log_decay"] = F.logsigmoid(normal(*tokens, shape.heads)) / 16
        if self.erase == "before_decay":
            read = unit(*tokens, *heads)
            leaves["read"] = read.to(dtype)
            leaves["write"] = (-read * normal(*tokens, *heads).sigmoid()).to(dtype)
            leaves["log_decay"] = (-RWKV7_LARGEST_DECAY * normal(*tokens, *heads).sigmoid()).to(
                dtype
            )
        elif self.decay == "channel":
            leaves["log_decay"] = (F.logsigmoid(normal(*tokens, *heads)) / 16).to(dtype)
        if self.erase == "tied":
            leaves["strengths"] = normal(*tokens, self.rank, shape.heads).sigmoid().to(dtype)
        return leaves

    def scan(self, leaves: Leaves, backend: str) -> ScanResult:
        """The scan of the leaves, scaled by K ** -0.5 as the peers do."""
        queries, transition, writes, state = self._arguments(leaves)
        return scan(queries, transition, writes, state, scale=scale_of(leaves), backend=backend)

    def step(self, leaves: Leaves, backend: str) -> ScanResult:
        """One token of it, from leaves of T = 1."""
        token = {name: leaf if name == "state" else leaf[:, 0] for name, leaf in leaves.items()}
        queries, transition, writes, state = self._arguments(token, rank_axis=1)
        return step(queries, transition, writes, state, scale=scale_of(leaves), backend=backend)

    def chosen(self, leaves: Leaves, backend: str) -> str:
        """The name of the backend that runs.

        Raises:
            ValueError: the backend cannot compute it.
        """
        queries, transition, writes, state = self._arguments(leaves)
        return explain_backend(queries, transition, writes, state, backend=backend).name

    def _arguments(
        self, leaves: Leaves, rank_axis: int = 2
    ) -> tuple[Tensor, Transition, Writes, Tensor | None]:
        log_decay, strengths = leaves.get("log_decay"), leaves.get("strengths")
        if self.decay == "step":
            log_decay, strengths = -leaves["steps"], leaves["steps"].unsqueeze(rank_axis)
        erase = None
        if self.erase == "tied":
            erase = Erase(strength=leaves["strengths"].select(rank_axis, 0))
        elif self.erase == "before_decay":
            erase = Erase(leaves["read"], write=leaves["write"], before_decay=True)
        writes = Writes(leaves["keys"], leaves["values"], strengths)
        return leaves["queries"], Transition(log_decay, erase), writes, leaves.get("state")

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"decay": self.decay, "erase": self.erase, "rank": self.rank}


def scale_of(leaves: Leaves) -> float:
    """K ** -0.5."""
    return leaves["queries"].shape[-1] ** -0.5


def _prism(decay: str, rank: int) -> Recurrence:
    return Recurrence(f"prism_{decay}_{rank}", f"PRISM rank {rank}, {decay}", decay, "tied", rank)


PRISM_RANKS = (1, 2, 3, 4)
RECURRENCES: dict[str, Recurrence] = {
    recurrence.name: recurrence
    for recurrence in (
        Recurrence("linear_attention", "linear attention"),
        Recurrence("simple_gla", "head decay (RetNet, simple GLA)", "head"),
        Recurrence("mamba2", "Mamba-2", "step"),
        Recurrence("gla", "channel decay (GLA)", "channel"),
        Recurrence("delta_rule", "delta rule", "none", "tied"),
        Recurrence("gated_delta_rule", "gated delta rule", "head", "tied"),
        Recurrence("kda", "KDA", "channel", "tied"),
        Recurrence("rwkv7", "RWKV-7", "channel", "before_decay"),
        *(_prism(decay, rank) for decay in ("head", "channel") for rank in PRISM_RANKS),
    )
}
