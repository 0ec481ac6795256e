"""The decoder family: computes answers from the features of a whole sequence.

Most tasks need none: the head reads the answer at a position from that position's features. A task
with other needs names a decoder (`Task.decoder`), which makes features for the head.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.spec import Part, PartSpec

__all__ = ["Decoder", "LastToken"]

LONGEST_WAVE = 10_000  # positions over 2 pi, as in arXiv 1706.03762, section 3.5


class Decoder(Part, nn.Module, family="decoder"):
    """Features of some positions -> features of others, for the head.

    Built from its spec and the model's width D.
    """

    def __init__(self, spec: PartSpec, width: int) -> None:
        super().__init__()

    @abstractmethod
    def sources(self, rows: int, length: int, device: torch.device) -> Tensor:
        """Positions whose features `forward` is given: (S,) int64, flat indices b * T + t.

        Args:
            rows: B, sequences.
            length: T, tokens of each.
            device: where the result lies.
        """

    @abstractmethod
    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        """Features (S, D) at the sources, positions (N,) flat, T -> (N, D) at the positions."""


class LastToken(Decoder):
    """Position t from the last token's features h_T and an encoding of t, by an MLP.

    The encoding p_t is that of arXiv 1706.03762, section 3.5: sines and cosines of t. The MLP's
    hidden layer computes with both side by side: W_2 gelu(W_1 h_T + W_p p_t).
    """

    name = "last_token"

    class Spec(PartSpec):
        """ratio: hidden features of the MLP, in widths."""

        ratio: float = Field(default=4.0, gt=0.0)

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__(spec, width)
        hidden = max(1, round(spec.ratio * width))
        self.width = width
        self.content = nn.Linear(width, hidden)
        self.place = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width)

    def sources(self, rows: int, length: int, device: torch.device) -> Tensor:
        """The last token of every row."""
        return torch.arange(1, rows + 1, device=device) * length - 1

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        """Features (B, D) of the last tokens, positions (N,), T -> (N, D)."""
        content = self.content(features).index_select(0, positions // length)
        place = self.place(self._encodings(length, features)).index_select(0, positions % length)
        return self.down(F.gelu(content + place))

    def _encodings(self, length: int, like: Tensor) -> Tensor:
        """(T, D): sines, then cosines, of wave lengths that grow by a constant factor."""
        sines = (self.width + 1) // 2
        waves = torch.arange(sines, device=like.device) * (-math.log(LONGEST_WAVE) / sines)
        angles = torch.arange(length, device=like.device).unsqueeze(1) * waves.exp()
        return torch.cat((angles.sin(), angles.cos()), 1)[:, : self.width].to(like.dtype)
