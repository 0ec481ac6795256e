"""What is timed: one subject on one recurrence and shape, as a function without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from scanning.peers import CHUNKED, TOKEN, Peer, PeerMissingError
from scanning.recurrences import RECURRENCES, Leaves, Recurrence, Shape
from seqzoo.scan import ScanResult

FORWARD, TRAINING, STEP = "forward", "forward+backward", "step"
OURS = "seqzoo"


@dataclass(frozen=True)
class Work:
    """One thing to measure.

    Args:
        recurrence: a name in `RECURRENCES`.
        subject: "seqzoo BACKEND", or a peer's name.
        shape: (B, T, H, D).
        action: `FORWARD` (no gradients kept), `TRAINING` (outputs, then the gradients of every
            input from the outputs'), or `STEP` (one token from a state).
        dtype: of the inputs.
        device: where.
    """

    recurrence: str
    subject: str
    shape: Shape
    action: str
    dtype: torch.dtype
    device: torch.device

    @property
    def ours(self) -> bool:
        """Whether it is seqzoo's."""
        return self.subject.startswith(f"{OURS} ")

    @property
    def rule(self) -> Recurrence:
        """The recurrence."""
        return RECURRENCES[self.recurrence]

    @property
    def peer(self) -> Peer | None:
        """The peer; None if the subject is ours."""
        return None if self.ours else find_peer(self.recurrence, self.subject)

    def leaves(self) -> Leaves:
        """Its inputs, on its device; a token has a state."""
        leaves = self.rule.leaves(self.shape, self.dtype, self.device)
        if self.action == STEP:
            batch, _, heads, size = self.shape
            leaves["state"] = torch.randn(batch, heads, size, size, device=self.device)
        return leaves

    def function(self) -> Callable[[Leaves], ScanResult]:
        """Leaves -> outputs and final state.

        Raises:
            PeerMissingError: the peer cannot run here.
        """
        peer = self.peer
        if peer is not None:
            return peer.load(self.device, self.dtype)
        backend = self.subject.removeprefix(f"{OURS} ")
        method = self.rule.step if self.action == STEP else self.rule.scan
        return lambda leaves: method(leaves, backend)

    def prepare(self) -> Callable[[], Any]:
        """Everything laid out; the call does the work once.

        Raises:
            PeerMissingError: the peer cannot run here.
        """
        function, leaves = self.function(), self.leaves()
        if self.action != TRAINING:

            def infer() -> ScanResult:
                with torch.no_grad():
                    return function(leaves)

            return infer
        inputs = list(leaves.values())
        for leaf in inputs:
            leaf.requires_grad_()
        with torch.no_grad():
            cotangent = torch.randn_like(leaves["values"][:, :, 0])

        def train() -> tuple[torch.Tensor, ...]:
            outputs = function(leaves).outputs
            return torch.autograd.grad(outputs, inputs, cotangent, allow_unused=True)

        return train


def find_peer(recurrence: str, subject: str) -> Peer:
    """The peer of that name beside that recurrence.

    Raises:
        PeerMissingError: there is none.
    """
    named = [peer for peer in (*CHUNKED, *TOKEN) if peer.name == subject]
    beside = [peer for peer in named if peer.recurrence == recurrence] or [
        peer
        for peer in named
        if not peer.exact  # the nearest function stands beside several
    ]
    if not beside:
        raise PeerMissingError(f"no peer {subject!r} beside {recurrence}")
    return beside[0]
