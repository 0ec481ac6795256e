"""Several reads per token, as micro-steps of one scan."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan import Erase, Transition, Writes

__all__ = ["several_reads"]


def several_reads(
    queries: Tensor, transition: Transition, writes: Writes
) -> tuple[Tensor, Transition, Writes]:
    """Express a token that reads Q times as n + Q - 1 tokens, of which the last Q read.

    A token's n micro-steps stay as they are, and the last of them has the first query; each further
    query has a micro-step of its own that forgets and writes nothing.

    Args:
        queries: (B, T, Q, G, K), all of which read the state after the token's last write.
        transition: of T n micro-steps.
        writes: of T n micro-steps.

    Returns:
        queries (B, T (n + Q - 1), G, K), and transition and writes for as many tokens of one step
        each.
    """
    steps, more = writes.steps, queries.shape[2] - 1
    spread = F.pad(queries, (0, 0, 0, 0, steps - 1, 0)).flatten(1, 2)

    def padded(x: Tensor | None) -> Tensor | None:
        if x is None:
            return None
        apart = x.unflatten(1, (-1, steps))
        return F.pad(apart, (0, 0) * (apart.ndim - 3) + (0, more)).flatten(1, 2)

    erase = transition.erase
    if erase is not None:
        erase = Erase(
            padded(erase.read),
            padded(erase.strength),
            padded(erase.write),
            erase.along_key,
            erase.before_decay,
        )
    keys, values = padded(writes.keys), padded(writes.values)
    assert keys is not None
    assert values is not None
    return (
        spread,
        Transition(padded(transition.log_decay), erase),
        Writes(keys, values, padded(writes.strengths)),
    )
