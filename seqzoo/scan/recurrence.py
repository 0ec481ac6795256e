"""The recurrence as data: the transition, the writes, and what a scan of them gives.

    S_t = S_{t-1} A_t + B_t        o_t = scale * S_t q_t

    A_t = Diag(exp(g_t)) (I + a_t b_t^T)              `Transition`, its rank-one part `Erase`
    B_t = sum_r strength_t^r  v_t^r (k_t^r)^T         `Writes`

Shapes, here and in the whole folder: B batch, T time, H heads, G key heads, K key size, V value
size, R write rank, C chunk, N sequences packed along time. The state S is (B, H, V, K): rows are
the value dimension, columns the key dimension. Head h reads and writes with key head h // (H // G).
`step`, one token, takes the same tensors with T absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Erase:
    """The rank-one part I + a b^T of the forget matrix.

    Args:
        read: a, (B, T, G, K): what is read from the state. None ties it to the writes' first key,
            which is the cheap path: no extra score matrix.
        strength: (B, T, H): the delta rule, b = -strength * a.
        write: b, (B, T, G, K): any other b. Exactly one of `strength` and `write` is given.
        along_key: erase along the writes' first key whatever `read` is, b = -strength * k^1 (Comba,
            Gated DeltaNet-2, preconditioned delta rules); on the cheap path too.
        before_decay: the read sees the state before this token's decay, A_t = Diag(alpha) + a b^T
            (RWKV-7, Comba), not after it.

    Raises:
        ValueError: neither or both of `strength` and `write` are given; or along_key without a read
            of its own, or with `write`.
    """

    read: Tensor | None = None
    strength: Tensor | None = None
    write: Tensor | None = None
    along_key: bool = False
    before_decay: bool = False

    def __post_init__(self) -> None:
        if self.along_key and (self.read is None or self.write is not None):
            raise ValueError(
                "Erase with along_key erases along the writes' first key: it needs a read of "
                "its own, (B, T, G, K), and a strength, (B, T, H), and has no write. Without a "
                "read, leave along_key out: the erase is along that key already."
            )
        if (self.strength is None) == (self.write is None):
            given = "neither" if self.strength is None else "both"
            raise ValueError(
                f"Erase takes exactly one of strength and write, got {given}. Give strength "
                "(B, T, H) for the delta rule, or write (B, T, G, K) for a general erase."
            )

    @property
    def tied(self) -> bool:
        """Whether the erase is along the writes' first key."""
        return self.along_key or (self.read is None and self.strength is not None)


@dataclass(frozen=True, eq=False)
class Transition:
    """The forget matrix A_t; with no argument the identity (nothing is forgotten).

    Args:
        log_decay: g <= 0, None | (B, T, H) per head | (B, T, H, K) per key channel. The decay is
            exp(g); g = 0 keeps all, g = -inf forgets all. The sign is not checked, which would read
            every value: with a positive g the guarantees on accuracy are gone.
        erase: the rank-one part, applied after the decay; None for none.
    """

    log_decay: Tensor | None = None
    erase: Erase | None = None


@dataclass(frozen=True, eq=False)
class Writes:
    """The injection B_t, R rank-one components a token.

    Args:
        keys: (B, T, R, G, K).
        values: (B, T, R, H, V).
        strengths: (B, T, R, H), a factor on each value; None means 1.
        steps: n, micro-steps a token: these tensors and the transition's then hold T * n of them
            (for `step` they have an axis of n where T was), and each token reads after its last.
    """

    keys: Tensor
    values: Tensor
    strengths: Tensor | None = None
    steps: int = 1


class ScanResult(NamedTuple):
    """outputs (B, T, H, V) in the queries' dtype; state (B, H, V, K), after the last token,
    float32 or wider. From packed sequences the state is (N, H, V, K); from `step` the outputs are
    (B, H, V)."""

    outputs: Tensor
    state: Tensor
