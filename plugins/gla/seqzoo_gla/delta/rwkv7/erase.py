"""RWKV-7's erase: what a normed key reads is removed channel by channel."""

from __future__ import annotations

from typing import Any

from seqzoo.operators import DecayForget, Features, Stream
from seqzoo.scan import Erase
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.delta.erasing import DecaySpec, ErasingForget
from seqzoo_gla.delta.rwkv7.write import Rwkv7Writes

__all__ = ["Rwkv7Erase"]


class Rwkv7Erase(ErasingForget):
    """A_t = Diag(w_t) - kk_t (a_t * kk_t)^T, kk and a of `rwkv7_write` (RWKV-7, arXiv 2503.14456).

    kk reads the state before it decays.
    """

    name = "rwkv7_erase"

    class Spec(DecaySpec):
        """decay: any forget that only decays."""

        decay: PartSpec[DecayForget] = slot("forget", "rwkv7_decay")

    @classmethod
    def erase_misfit(cls, spec: Any, injection: Any) -> str:
        """Only one injection makes kk and a."""
        if injection.part.name == "rwkv7_write":
            return ""
        return (
            f"'{cls.name}' erases with vectors that '{injection.part.name}' does not make; use "
            "injection: rwkv7_write"
        )

    def erase(self, features: Features, stream: Stream) -> Erase:
        """Read with kk, erase along a * kk."""
        writes = features.writes
        if not isinstance(writes, Rwkv7Writes) or writes.removal is None or writes.rates is None:
            raise TypeError("the injection made no kk and a")
        away = -writes.rates.to(writes.removal.dtype) * writes.removal
        return Erase(writes.removal, write=away, before_decay=True)
