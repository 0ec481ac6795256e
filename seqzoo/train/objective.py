"""The model and its loss as one module, whose forward call uses every trained weight."""

from __future__ import annotations

from torch import Tensor, nn

from seqzoo.model import LanguageModel
from seqzoo.model.block import Block
from seqzoo.operators import State
from seqzoo.tasks import Negatives
from seqzoo.train.losses import summed_loss

__all__ = ["Objective"]


class Objective(nn.Module):
    """What compilers and data parallelism wrap.

    Args:
        model: the model.
        recompute: activation checkpointing of every block.
    """

    def __init__(self, model: LanguageModel, *, recompute: bool = False) -> None:
        super().__init__()
        self.model = model
        for block in self.blocks():
            block.recompute = recompute

    def forward(
        self,
        tokens: Tensor,
        targets: Tensor,
        positions: Tensor | None = None,
        negatives: Negatives | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The summed cross entropy at labelled positions, and the layers' auxiliary losses by name.

        The former is a float32 scalar in nats; the latter are scalars, already multiplied by their
        weights, each a mean over the tokens of this call.

        Args:
            tokens: (B, T) int64.
            targets: (N,) int64, the labels.
            positions: (N,) int64, flat indices b * T + t of the labels; None means all B * T.
            negatives: see `seqzoo.train.losses`.
            cu_seqlens: see `Batch`; on the CPU.
        """
        hidden, _, losses = self.model.hidden_and_losses(
            tokens, positions=positions, cu_seqlens=cu_seqlens
        )
        return summed_loss(self.model, hidden.flatten(0, -2), targets, negatives), losses

    def scores(
        self,
        tokens: Tensor,
        state: State | None,
        positions: Tensor,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """tokens (B, T), state, positions (N,) -> logits (N, vocabulary) there, state."""
        hidden, state = self.model.hidden(tokens, state, positions, cu_seqlens)
        return self.model.logits(hidden), state

    def blocks(self) -> list[Block]:
        """The model's blocks from the first to the last."""
        return [block for block in self.model.blocks if isinstance(block, Block)]
