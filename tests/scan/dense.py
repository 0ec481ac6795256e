"""Grouped heads, an erase along the first key, micro-steps, transposed reads, as dense loops.

The oracle builds each A_t and B_t of every head as a dense matrix, and knows nothing of seqzoo.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan import Erase, Transition, Writes

B, T, H, K, V, R = 2, 13, 4, 5, 3, 2


@dataclass
class Sizes:
    """One problem of the algebra, as random leaves in float64."""

    key_heads: int = H
    steps: int = 1
    decay: str = "channel"
    erase: str = "tied"
    before_decay: bool = False
    transposed: bool = False
    leaves: dict[str, Tensor] = field(default_factory=dict)

    def __str__(self) -> str:
        named = (self.decay, self.erase, f"G{self.key_heads}", f"n{self.steps}")
        flags = ("before", self.before_decay), ("transposed", self.transposed)
        return "-".join((*named, *(name for name, on in flags if on)))

    def drawn(self, batch: int = B) -> Sizes:
        generator = torch.Generator().manual_seed(3)

        def draw(*shape: int) -> Tensor:
            return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)

        def unit(x: Tensor) -> Tensor:
            return x / x.norm(dim=-1, keepdim=True)

        G, S = self.key_heads, T * self.steps
        leaves = {
            "queries": draw(T, H, V) if self.transposed else draw(T, G, K),
            "keys": unit(draw(S, R, G, K)),
            "values": draw(S, R, H, V),
            "strengths": draw(S, R, H).sigmoid(),
            "state": draw(H, V, K),
        }
        if self.decay != "none":
            shape = (S, H) if self.decay == "head" else (S, H, K)
            leaves["log_decay"] = -draw(*shape).exp()
        if self.erase in ("read", "along_key", "general"):
            leaves["read"] = unit(draw(S, G, K))
        if self.erase in ("tied", "read", "along_key"):
            leaves["strength"] = draw(S, H).sigmoid()
        if self.erase == "general":
            leaves["write"] = 0.5 * unit(draw(S, G, K))
        return Sizes(
            self.key_heads,
            self.steps,
            self.decay,
            self.erase,
            self.before_decay,
            self.transposed,
            leaves,
        )

    def arguments(self, leaves: dict[str, Tensor]) -> tuple[Tensor, Transition, Writes]:
        get = leaves.get
        erase = None
        if self.erase != "none":
            erase = Erase(
                read=get("read"),
                strength=get("strength"),
                write=get("write"),
                along_key=self.erase == "along_key",
                before_decay=self.before_decay,
            )
        writes = Writes(leaves["keys"], leaves["values"], leaves["strengths"], self.steps)
        return leaves["queries"], Transition(get("log_decay"), erase), writes


def dense(sizes: Sizes, leaves: dict[str, Tensor], bounds: list[int]) -> tuple[Tensor, Tensor]:
    """Outputs and final states, head by head with dense matrices. Bounds count tokens of a row."""
    group = H // sizes.key_heads
    eye = torch.eye(K, dtype=torch.float64)
    packed = len(bounds) > 2
    rows = []
    finals = []
    for b in range(len(leaves["queries"])):
        for n, (begin, end) in enumerate(pairwise(bounds)):
            state = leaves["state"][n if packed else b]  # (H, V, K)
            for t in range(begin, end):
                for s in range(t * sizes.steps, (t + 1) * sizes.steps):
                    heads = []
                    for h in range(H):
                        g = h // group
                        A = decay = eye
                        if "log_decay" in leaves:
                            log_decay = leaves["log_decay"][b, s, h]
                            A = decay = torch.diag(log_decay.exp().expand(K))
                        first = leaves["keys"][b, s, 0, g]
                        if sizes.erase != "none":
                            a = leaves["read"][b, s, g] if "read" in leaves else first
                            if "write" in leaves:
                                e = leaves["write"][b, s, g]
                            else:
                                along = first if sizes.erase == "along_key" else a
                                e = -leaves["strength"][b, s, h] * along
                            outer = torch.outer(a, e)
                            A = decay + outer if sizes.before_decay else decay @ (eye + outer)
                        new = state[h] @ A
                        for r in range(R):
                            value = leaves["strengths"][b, s, r, h] * leaves["values"][b, s, r, h]
                            new = new + torch.outer(value, leaves["keys"][b, s, r, g])
                        heads.append(new)
                    state = torch.stack(heads)
                query = leaves["queries"][b, t]
                if sizes.transposed:
                    rows.append(torch.einsum("hvk,hv->hk", state, query))
                else:
                    rows.append(torch.stack([state[h] @ query[h // group] for h in range(H)]))
            finals.append(state)
    outputs = torch.stack(rows).unflatten(0, (len(leaves["queries"]), -1))
    return 0.7 * outputs, torch.stack(finals)


CASES = [
    Sizes(key_heads=1, decay="head", erase="none"),
    Sizes(key_heads=2, decay="none", erase="none"),
    Sizes(key_heads=2, decay="channel", erase="none"),
    Sizes(key_heads=2, decay="head"),
    Sizes(key_heads=1, decay="channel"),
    Sizes(key_heads=2, decay="none", erase="read"),
    Sizes(key_heads=1, decay="none"),
    Sizes(key_heads=1, decay="head", erase="general", before_decay=True),
    Sizes(key_heads=2, decay="head", before_decay=True),
    Sizes(key_heads=2, decay="channel", erase="general", before_decay=True),
    Sizes(decay="head", erase="along_key"),
    Sizes(decay="none", erase="along_key"),
    Sizes(decay="channel", erase="along_key"),
    Sizes(key_heads=2, decay="head", erase="along_key", before_decay=True),
    Sizes(decay="channel", erase="along_key", before_decay=True),
    Sizes(steps=2, decay="head"),
    Sizes(steps=3, decay="channel", erase="along_key"),
    Sizes(steps=2, key_heads=2, decay="none", erase="none"),
    Sizes(steps=2, key_heads=1, decay="head", erase="none"),
    Sizes(steps=3, key_heads=2, decay="head", erase="read", before_decay=True),
    Sizes(steps=2, key_heads=2, decay="none", erase="along_key"),
    Sizes(steps=3, decay="channel", erase="general", before_decay=True),
    Sizes(steps=2, decay="channel", erase="none"),
    Sizes(decay="none", erase="none", transposed=True),
    Sizes(decay="head", erase="none", transposed=True),
    Sizes(decay="channel", erase="none", transposed=True),
    Sizes(key_heads=2, decay="channel", transposed=True),
    Sizes(steps=2, decay="head", erase="along_key", transposed=True),
]


def measured(sizes: Sizes, function) -> list[Tensor]:
    """Outputs, final state, and the gradients of every leaf for fixed cotangents."""
    leaves = {name: leaf.clone().requires_grad_() for name, leaf in sizes.leaves.items()}
    outputs, final = function(leaves)
    generator = torch.Generator().manual_seed(5)
    loss = torch.zeros((), dtype=torch.float64)
    for result in (outputs, final):
        weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
        loss = loss + (result * weights).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return [outputs.detach(), final.detach(), *gradients]
