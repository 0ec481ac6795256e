"""The inner_optimizer family: how tokens' gradients change a memory's weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqzoo.operators import Dims, Operator, Stream
from seqzoo.spec import PartSpec
from seqzoo_ttt.memories.maps import Combination, Seen, Weights

__all__ = ["InnerOptimizer", "Moved", "none_ends"]


class Moved(NamedTuple):
    """The weights after some tokens.

    Attributes:
        read: the weights that the last of them reads.
        after: the weights to continue with if a mini-batch ends there.
        carried: what the optimizer carries on.
    """

    read: Weights
    after: Weights
    carried: Any


class InnerOptimizer(Operator, family="inner_optimizer"):
    """Per-token gradients -> weights. Built from its spec, sizes, mini-batch and the maps' names.

    Gradients are taken at `base`, the weights at the start of a mini-batch; the rule takes care of
    that. `one` is the definition; `many` and `reads` are the same for a stretch of tokens that
    begins where a period does.

    Attributes:
        period: tokens after which `carried` holds nothing unfinished.
    """

    period: int

    def __init__(
        self, spec: PartSpec, dims: Dims, mini_batch: int | None, maps: Sequence[str]
    ) -> None:
        super().__init__(spec)

    @abstractmethod
    def inputs(self, u: Tensor, stream: Stream) -> dict[str, Tensor]:
        """The anchor u (B, T, D) -> numbers of each token, (B, T, H) each."""

    @abstractmethod
    def start(self, base: Weights) -> Any:
        """What is carried before the first token: a tree of (B, ...)."""

    @abstractmethod
    def one(
        self,
        base: Weights,
        carried: Any,
        seen: Mapping[str, Seen],
        numbers: dict[str, Tensor],
        place: Tensor,
    ) -> Moved:
        """One token: its gradients at `base`, its numbers (B, H, 1), its place (B,) in a period."""

    @abstractmethod
    def reads(self, base: Weights, carried: Any, numbers: dict[str, Tensor]) -> Combination:
        """The weights that each of c tokens reads; numbers (B, H, c)."""

    @abstractmethod
    def many(
        self, base: Weights, carried: Any, seen: Mapping[str, Seen], numbers: dict[str, Tensor]
    ) -> Moved:
        """The weights after c tokens, as after `one` of each."""


def none_ends(ends: Tensor) -> bool:
    """Whether no sequence is at its end (B,), so that a costly step need not be computed.

    Graphs, transforms of torch.func and tensors without numbers cannot tell: there it is False.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return not (ends.is_meta or bool(ends.any()))
