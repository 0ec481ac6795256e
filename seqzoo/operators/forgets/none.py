"""No forgetting."""

from __future__ import annotations

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.forget import Forget
from seqzoo.operators.stream import Stream
from seqzoo.scan import Transition

__all__ = ["NoForget"]


class NoForget(Forget):
    """A_t = I: linear attention's state only grows."""

    name = "none"

    def forward(self, features: Features, stream: Stream) -> Transition:
        """-> the identity."""
        return Transition(log_decay=None, erase=None)
