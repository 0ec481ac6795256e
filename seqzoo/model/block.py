"""The block: a mixer and an MLP, each behind a norm and beside a residual."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqzoo.model.mixer import Mixer
from seqzoo.model.mlp import MLP
from seqzoo.operators import State
from seqzoo.spec.model import LayerSpec

__all__ = ["Block", "make_norm"]


def make_norm(kind: Literal["layer_norm", "rms_norm"], width: int) -> nn.Module:
    """The norm over the width's features, with a gain (and a bias for layer_norm)."""
    return nn.LayerNorm(width) if kind == "layer_norm" else nn.RMSNorm(width, eps=1e-5)


class Block(nn.Module):
    """x + mixer(norm(x)), then x + mlp(norm(x)).

    Attributes:
        recompute: keep nothing but the input for the gradient, and compute the block again then.
    """

    def __init__(
        self,
        spec: LayerSpec,
        width: int,
        norm: Literal["layer_norm", "rms_norm"],
        dropout: float,
    ) -> None:
        super().__init__()
        self.mixer_norm = make_norm(norm, width)
        self.mixer: Mixer = spec.mixer.build(width)
        self.mlp_norm = make_norm(norm, width) if spec.mlp else None
        self.mlp: MLP | None = spec.mlp.build(width) if spec.mlp else None
        self.dropout = nn.Dropout(dropout)
        self.recompute = False

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        positions: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """x (B, T, D), the mixer's state -> (B, T, D), state.

        With positions (N,), flat indices b * T + t, what follows the mixer is computed there only,
        and the result is (N, D). With cu_seqlens, B is 1 and x is documents side by side
        (`Mixer.packed`), which leave no state: ().
        """
        if self.recompute and torch.is_grad_enabled():
            arguments = (x, state, positions, cu_seqlens)
            return checkpoint(self._compute, *arguments, use_reentrant=False)
        return self._compute(x, state, positions, cu_seqlens)

    def _compute(
        self, x: Tensor, state: State, positions: Tensor | None, cu_seqlens: Tensor | None
    ) -> tuple[Tensor, State]:
        normed = self.mixer_norm(x)
        if cu_seqlens is None:
            mixed, state = self.mixer(normed, state)
        else:
            mixed, state = self.mixer.packed(normed, cu_seqlens), ()
        x = x + self.dropout(mixed)
        if positions is not None:
            x = x.flatten(0, 1).index_select(0, positions)
        if self.mlp is not None and self.mlp_norm is not None:
            x = x + self.dropout(self.mlp(self.mlp_norm(x)))
        return x, state
