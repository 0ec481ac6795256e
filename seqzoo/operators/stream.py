"""The stream: the context of one call of a mixer or MLP.

It holds what each operator kept at the last call and keeps for the next, the bounds of documents
packed into one row, and the values that layers hand on to each other. An operator that depends on
its own token alone just passes the stream on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from seqzoo.errors import SpecError
from seqzoo.operators.documents import place_in_document
from seqzoo.scan.bounds import check_bounds

__all__ = ["Carrier", "Handed", "Owner", "State", "Stream"]

State = Any
"""A pytree of tensors, batch first; a mixer's state is flat: `{"anchor.conv.inputs": tensor}`."""


class Handed(NamedTuple):
    """Values that layers hand on to each other within one call of the model.

    Attributes:
        shared: values that one layer makes and later ones read, by name.
        losses: auxiliary losses so far, by name: scalars, summed over layers.
    """

    shared: dict[str, Tensor]
    losses: dict[str, Tensor]


class Carrier(nn.Module):
    """A module that may keep something for the next call.

    Attributes:
        path: where it stands in the mixer or MLP that owns it, such as `anchor.conv`.
    """

    path: str = ""


class Owner(type):
    """The class of mixers and MLPs: once one is built, each carrier in it learns its path."""

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        """Build it as any class does."""
        owner: Any = super().__call__(*arguments, **options)
        for path, module in owner.named_modules():
            if isinstance(module, Carrier):
                module.path = path
        return owner


class Stream:
    """The context of one call, beside its inputs.

    Args:
        sequences: B; with documents N.
        before: what `after` gave at the last call; None before the first token.
        cu_seqlens: (N + 1,) integer, where N documents begin in a row (B = 1), and T; None where
            each row is one sequence. Best kept on the CPU: it decides shapes.
        handed: what earlier layers handed on; None for a mixer that is used alone.
    """

    def __init__(
        self,
        sequences: int,
        before: State | None = None,
        cu_seqlens: Tensor | None = None,
        handed: Handed | None = None,
    ) -> None:
        self.sequences = sequences
        self.cu_seqlens = cu_seqlens
        self._before = before
        self._after: dict[str, State] = {}
        self._shared = dict(handed.shared) if handed else {}
        self._losses = dict(handed.losses) if handed else {}

    @classmethod
    def over(
        cls,
        x: Tensor,
        before: State | None = None,
        cu_seqlens: Tensor | None = None,
        handed: Handed | None = None,
    ) -> Stream:
        """The stream of a call on x (B, T, ...).

        Raises:
            ValueError: cu_seqlens with a batch other than 1; or they do not start at 0, or fall, or
                do not end at T.
        """
        if cu_seqlens is None:
            return cls(x.shape[0], before, None, handed)
        if x.shape[0] != 1:
            raise ValueError(
                "cu_seqlens are the bounds of documents side by side in one row; got "
                f"{x.shape[0]} rows: reshape (B, T, ...) to (1, B * T, ...)"
            )
        documents = check_bounds("documents", cu_seqlens, 1, x.shape[1])
        return cls(documents, before, cu_seqlens, handed)

    # what is carried

    def past(self, carrier: Carrier, name: str, start: Callable[[], Any]) -> Any:
        """The value this carrier kept under this name at the last call; `start()` at the first.

        Args:
            carrier: the module itself.
            name: what the value is, such as `inputs`; a carrier may keep several.
            start: makes a pytree of tensors whose first axis is `sequences`, or None.

        Raises:
            ValueError: the state was left by another mixer, or for another batch size.
        """
        if self._before is None:
            return start()
        key = _key(carrier, name)
        if not isinstance(self._before, dict) or key not in self._before:
            raise ValueError(f"the state has no '{key}': another mixer left it, or another version")
        value = self._before[key]
        if isinstance(value, Tensor) and value.shape[0] != self.sequences:
            raise ValueError(
                f"the state is for {value.shape[0]} sequences and the inputs hold {self.sequences}"
            )
        return value

    def keep(self, carrier: Carrier, name: str, value: State | Callable[[], State]) -> None:
        """Keep a value for the next call, in the dtypes it had before.

        Args:
            carrier: the module itself.
            name: as in `past`.
            value: a pytree of tensors whose first axis is `sequences`, or a function that makes it,
                called only where the state is wanted.
        """
        self._after[_key(carrier, name)] = value

    def after(self) -> State:
        """Everything that was kept: the state after the call's last token."""
        return {key: self._kept(key, value) for key, value in self._after.items()}

    def _kept(self, key: str, value: State | Callable[[], State]) -> State:
        if not isinstance(value, (Tensor, dict, list, tuple)) and callable(value):
            value = value()  # a graph cannot ask whether a tree is callable
        before = self._before.get(key) if self._before is not None else None
        if before is None:
            return value
        return pytree.tree_map(lambda new, old: new.to(old.dtype), value, before)

    def zeros(self, like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """(sequences, *shape) on the device of `like`, and in its dtype where none is given."""
        return like.new_zeros(self.sequences, *shape, dtype=dtype or like.dtype)

    # where tokens stand

    def positions(self, carrier: Carrier, x: Tensor) -> Tensor:
        """How many tokens of its sequence came before each token of x (B, T, ...): (B, T) int64."""
        past = self.past(carrier, "position", lambda: self.zeros(x, dtype=torch.long))
        if self.cu_seqlens is None:
            self.keep(carrier, "position", past + x.shape[1])
            return past.unsqueeze(1) + torch.arange(x.shape[1], device=x.device)
        lengths = self.cu_seqlens.diff()
        self.keep(carrier, "position", past + lengths.to(x.device, past.dtype))
        seen = past.repeat_interleave(lengths.to(x.device), output_size=x.shape[1])
        return (seen + place_in_document(self.cu_seqlens, x)).unsqueeze(0)

    def single(self, carrier: Carrier) -> None:
        """Refuse documents, for a part that cannot keep them apart.

        Raises:
            SpecError: the call has documents.
        """
        if self.cu_seqlens is not None:
            family, name = getattr(carrier, "family", ""), getattr(carrier, "name", "")
            who = f"{family} '{name}'" if name else type(carrier).__name__
            raise SpecError(
                f"{who} cannot keep documents apart; leave the task's `separator` out, or use "
                "another"
            )

    # what layers hand on

    def share(self, name: str, value: Tensor) -> None:
        """Let later layers of this call read a value."""
        self._shared[name] = value

    def shared(self, name: str) -> Tensor | None:
        """What an earlier layer shared under this name; None where none did."""
        return self._shared.get(name)

    def add_loss(self, name: str, loss: Tensor) -> None:
        """Add an auxiliary loss, a scalar with its weight in it, to the training objective.

        It is a mean over the tokens of this call; losses of one name are summed over layers.
        """
        self._losses[name] = self._losses[name] + loss if name in self._losses else loss

    def handed(self) -> Handed:
        """What the next layer is handed."""
        return Handed(self._shared, self._losses)


def _key(carrier: Carrier, name: str) -> str:
    return f"{carrier.path}.{name}" if carrier.path else name
