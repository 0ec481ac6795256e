"""The mixer family: a whole sequence layer with a state it can carry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.errors import SpecError
from seqzoo.model.duality import Duality
from seqzoo.operators import Carrier, Hint, Owner, Place, State, Stream
from seqzoo.spec import Part, PartSpec

__all__ = ["Mixer", "state_elements"]


def state_elements(state: State) -> int:
    """Number of elements of all tensors of a state."""
    return sum(leaf.numel() for leaf in pytree.tree_leaves(state))


class Mixer(Part, Carrier, family="mixer", metaclass=Owner):
    """(B, T, D) -> (B, T, D), causal. Built from its spec and its place in the model.

    A mixer writes its equation once, in `mix`. Calls, splits, steps and documents all go through
    it: splitting a sequence and carrying the state, or stepping token by token, gives the same
    result as one call, up to rounding.

    Attributes:
        hints: how optimizers should treat own parameters and submodules, by name; see `Hint`.
        streams: whether the mixer carries a state. Without one every call starts from nothing.
        scaling: how work and carried memory grow with the tokens, for `seqzoo describe`; None
            leaves it open. One of `seqzoo.model.duality`: LINEAR where each update is affine in a
            state of constant size, SERIAL where it depends on the state in any other way, ATTENTION
            or LOGARITHMIC. Where the settings decide, override `duality`.
        bit_causal: whether outputs before a token are bit-equal whatever follows. Where tokens are
            grouped by content, later ones may change how the sums of earlier ones are rounded.
    """

    hints: ClassVar[Mapping[str, Hint]] = {}
    scaling: ClassVar[Duality | None] = None
    streams: ClassVar[bool] = True
    bit_causal: ClassVar[bool] = True

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__()
        misfit = self.misfit(spec, place.width)
        if misfit:
            raise SpecError(misfit)
        self.place = place

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Why this spec cannot be built at this width; "" if it can. Asked before anything runs."""
        return ""

    @abstractmethod
    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """The layer's equation: x (B, T, D) -> y (B, T, D), and what operators keep in the stream.

        T may be 0: the state is then the one before the first token.
        """

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The layer for `seqzoo describe`: a label and an equation for each line."""
        return (("layer", self.summary()),)

    def duality(self) -> Duality | None:
        """How work and carried memory grow with the tokens; `scaling`, unless overridden."""
        return self.scaling

    def forward(
        self, x: Tensor, state: State | None = None, *, cu_seqlens: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run the layer over whole sequences.

        Args:
            x: (B, T, D); with documents (1, T, D).
            state: after the tokens before, B of them, or N with documents; None before the first.
            cu_seqlens: (N + 1,) integer, where N documents begin in the row, and T; none sees
                another, and one may have no token.

        Returns:
            y (B, T, D), and the state after the last token of each sequence.

        Raises:
            SpecError: documents, and a part that cannot keep them apart; or a state, and a mixer
                that does not stream.
            ValueError: x is not (B, T, D), D the width that the mixer was built for; or the state
                is another mixer's, or of another batch size.
        """
        if x.dim() != 3 or x.shape[2] != self.place.width:
            raise ValueError(
                f"mixer '{self.name}' takes (batch, tokens, {self.place.width}), "
                f"got {tuple(x.shape)}"
            )
        if state is not None and not self.streams:
            raise SpecError(
                f"mixer '{self.name}' carries no state: give it the whole sequence in one call"
            )
        stream = Stream.over(x, state, cu_seqlens)
        y = self.mix(x, stream)
        return y, stream.after()

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token, in the parameters' dtype and device."""
        if not self.streams:
            return {}
        stream = Stream(batch_size)
        like = next(self.parameters(), torch.zeros(()))  # a mixer may have none
        self.mix(like.new_zeros(batch_size, 0, self.place.width), stream)
        return stream.after()

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One token: x_t (B, D), state -> y_t (B, D), state.

        Raises:
            ValueError: x_t is not (B, D), or the state is another mixer's.
        """
        if x_t.dim() != 2 or x_t.shape[1] != self.place.width:
            raise ValueError(
                f"a step of mixer '{self.name}' takes (batch, {self.place.width}), "
                f"got {tuple(x_t.shape)}"
            )
        y, state = self(x_t.unsqueeze(1), state)
        return y.squeeze(1), state

    def state_size(self, context: int) -> int:
        """Elements carried for one sequence after `context` tokens."""
        return state_elements(self.initial_state(1))
