"""The mixer family: a whole sequence layer with a state it can carry."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from seqzoo.errors import SpecError
from seqzoo.operators import State
from seqzoo.spec import Part, PartSpec

__all__ = ["Mixer", "state_elements"]


def state_elements(state: State) -> int:
    """Number of elements of all tensors of a state."""
    return sum(leaf.numel() for leaf in pytree.tree_leaves(state))


class Mixer(Part, nn.Module, family="mixer"):
    """(B, T, D) -> (B, T, D), causal. Built from its spec and the model's width D.

    Splitting a sequence and carrying the state, or stepping through it token by token, gives what
    one call gives, up to rounding.
    """

    def __init__(self, spec: PartSpec, width: int) -> None:
        super().__init__()
        misfit = self.misfit(spec, width)
        if misfit:
            raise SpecError(misfit)
        self.width = width

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """Why this spec cannot be built at this width; "" if it can. Asked before anything runs."""
        return ""

    @abstractmethod
    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """x (B, T, D), state after the tokens before (None: none were) -> y (B, T, D), state."""

    @abstractmethod
    def start(self, like: Tensor) -> State:
        """The state before the first token; `like` (B, ...) gives batch, dtype and device."""

    @abstractmethod
    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The layer in words, for `seqzoo describe`: what each line is about, and an equation."""

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """`forward`, without the state, for documents side by side in one row: none sees another.

        A mixer that can do this overrides it; others are refused where documents are asked for.

        Args:
            x: (1, T, D).
            cu_seqlens: (N + 1,) integer, where the N documents begin, and T; each begins anew, and
                may have no token.

        Returns:
            y (1, T, D), what each document gives alone.

        Raises:
            SpecError: this mixer, or an operator in it, cannot keep documents apart.
        """
        raise SpecError(
            f"mixer '{self.name}' cannot keep documents apart: it has no method `packed`; leave "
            "the task's `separator` out, or use another mixer"
        )

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token, in the parameters' dtype and device."""
        parameter = next(self.parameters())
        return self.start(parameter.new_empty(batch_size, 0))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One token: x_t (B, D), state -> y_t (B, D), state."""
        y, state = self(x_t.unsqueeze(1), state)
        return y.squeeze(1), state

    def state_size(self, context: int) -> int:
        """Elements carried for one sequence after `context` tokens."""
        return state_elements(self.initial_state(1))
