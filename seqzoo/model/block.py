"""The block: a mixer and an MLP, each behind a norm and beside a residual."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqzoo.errors import SpecError
from seqzoo.model.mixer import Mixer
from seqzoo.model.mlp import MLP
from seqzoo.model.result import check_result
from seqzoo.operators import Handed, Place, State, Stream
from seqzoo.spec.model import LayerSpec

__all__ = ["Block", "BlockResult", "make_norm"]


def make_norm(kind: Literal["layer_norm", "rms_norm"], width: int) -> nn.Module:
    """The norm over the width's features, with a gain (and a bias for layer_norm)."""
    return nn.LayerNorm(width) if kind == "layer_norm" else nn.RMSNorm(width, eps=1e-5)


class BlockResult(NamedTuple):
    """What a block returns.

    Attributes:
        x: (B, T, D), or (N, D) where positions were asked for.
        state: the mixer's and the MLP's; () with documents.
        handed: what the next block is handed.
    """

    x: Tensor
    state: State
    handed: Handed


class Block(nn.Module):
    """x + mixer(norm(x)), then x + mlp(norm(x)).

    Attributes:
        recompute: keep only the input for the backward pass, which computes the block again.
    """

    def __init__(
        self,
        spec: LayerSpec,
        place: Place,
        norm: Literal["layer_norm", "rms_norm"],
        dropout: float,
    ) -> None:
        super().__init__()
        self.mixer_norm = make_norm(norm, place.width)
        self.mixer: Mixer = spec.mixer.build(place)
        self.mlp_norm = make_norm(norm, place.width) if spec.mlp else None
        self.mlp: MLP | None = spec.mlp.build(place) if spec.mlp else None
        self.dropout = nn.Dropout(dropout)
        self.recompute = False

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        handed: Handed | None = None,
        positions: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> BlockResult:
        """x (B, T, D), the block's state, what earlier blocks handed on -> the same for the next
        block.

        With positions (N,), flat indices b * T + t, everything after the mixer is computed there
        only, and the result is (N, D). With cu_seqlens, B is 1, x holds documents side by side,
        each starting from an empty state, and no state is returned.
        """
        arguments = (x, state, handed, positions, cu_seqlens)
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._compute, *arguments, use_reentrant=False)
        return self._compute(*arguments)

    def _compute(
        self,
        x: Tensor,
        state: State | None,
        handed: Handed | None,
        positions: Tensor | None,
        cu_seqlens: Tensor | None,
    ) -> BlockResult:
        before = state or {"mixer": None, "mlp": None}
        if state is not None and not self.mixer.streams:
            raise SpecError(
                f"mixer '{self.mixer.name}' carries no state: give the model whole sequences"
            )
        stream = Stream.over(x, before["mixer"], cu_seqlens, handed)
        y = self.mixer.mix(self.mixer_norm(x), stream)
        check_result(self.mixer, x, y)
        x = x + self.dropout(y)
        after = {"mixer": stream.after() if cu_seqlens is None else {}, "mlp": {}}
        handed = stream.handed()
        looks_back = self.mlp is not None and self.mlp.looks_back
        if positions is not None and not looks_back:
            x = x.flatten(0, 1).index_select(0, positions)
        if self.mlp is not None and self.mlp_norm is not None:
            stream = Stream(stream.sequences, before["mlp"], cu_seqlens, handed)
            y = self.mlp(self.mlp_norm(x), stream)
            check_result(self.mlp, x, y, self.mixer.place.layer)
            x = x + self.dropout(y)
            after["mlp"] = stream.after() if cu_seqlens is None else {}
            handed = stream.handed()
        if positions is not None and looks_back:
            x = x.flatten(0, 1).index_select(0, positions)
        return BlockResult(x, after if cu_seqlens is None else (), handed)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token."""
        mlp: State = {}
        if self.mlp is not None:
            stream = Stream(batch_size)
            parameter = next(self.mlp.parameters(), torch.zeros(()))
            self.mlp(parameter.new_zeros(batch_size, 0, self.mixer.place.width), stream)
            mlp = stream.after()
        return {"mixer": self.mixer.initial_state(batch_size), "mlp": mlp}
