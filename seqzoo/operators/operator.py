"""What all operators share: sizes, and a state they may carry from token to token.

Shapes: B batch, T time, D width, H heads, K key size, V value size, R write rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.utils import _pytree as pytree

from seqzoo.errors import SpecError
from seqzoo.spec import Part, PartSpec

__all__ = ["Dims", "Operator", "State"]

State = Any
"""A pytree of tensors, batch first: what an operator or mixer carries; `()` where there is none."""


@dataclass(frozen=True)
class Dims:
    """Sizes of the mixer that an operator serves.

    Attributes:
        width: D, features a token.
        heads: H.
        key_size: K, features of a key or query, a head.
        value_size: V, features of a value, a head.
    """

    width: int
    heads: int
    key_size: int
    value_size: int


class Operator(Part, nn.Module):
    """A part with parameters. Built from its spec and the mixer's sizes.

    Attributes:
        no_weight_decay: names of own parameters and submodules that optimizers do not decay, beside
            everything with fewer than two dimensions. Any module may have it.
    """

    no_weight_decay: ClassVar[tuple[str, ...]] = ()

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__()

    def initial_state(self, like: Tensor) -> State:
        """The state before the first token. `like` (B, ...) gives batch, dtype and device."""
        return ()

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Any:
        """What `forward` gives, without the state, for documents side by side in one row.

        Right as it is for an operator without a state: each of its tokens stands alone. Others
        override it.

        Args:
            x: (1, T, D).
            cu_seqlens: (N + 1,) integer, where the N documents begin, and T; each begins anew.

        Raises:
            SpecError: this operator carries a state, and does not know of documents.
        """
        state = self.initial_state(x[:, 0])
        if pytree.tree_leaves(state):
            raise SpecError(
                f"{self.family} '{self.name}' cannot keep documents apart: it carries a state from "
                "token to token and has no method `packed`; leave the documents' `separator` out, "
                "or use another"
            )
        return self(x, state)[0]
