"""Nothing is forgotten."""

from __future__ import annotations

from torch import Tensor

from seqzoo.operators.forgets.forget import Forget
from seqzoo.scan import Transition, Writes

__all__ = ["NoForget"]


class NoForget(Forget):
    """A_t = I: linear attention's state only grows."""

    name = "none"

    def forward(self, u: Tensor, writes: Writes) -> Transition:
        """-> the identity."""
        return Transition(log_decay=None, erase=None)
