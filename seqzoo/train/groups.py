"""Groups of parameters that an optimizer treats alike, as the layers' hints say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from seqzoo.operators import Hint

__all__ = ["Group", "hinted", "parameter_groups"]


@dataclass(frozen=True)
class Group:
    """Trained parameters with one treatment.

    Attributes:
        decay: whether weight decay shrinks them.
        lr: a factor on the learning rate.
        names: as the model names them.
        parameters: in the same order.
    """

    decay: bool
    lr: float
    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return sum(parameter.numel() for parameter in self.parameters)


def parameter_groups(model: nn.Module) -> list[Group]:
    """The trained parameters by treatment, those with decay at the full rate first.

    Weight decay skips biases, parameters with fewer than two dimensions (gains of norms, numbers
    for each head or channel) and those that a hint excludes: projections to decays and to the
    strength of a write or an erase, which decay would pull towards sigmoid(0). It applies to all
    others, embeddings and full-width gates included.

    Raises:
        TypeError: a module has a hint for what it does not have.
    """
    hints = hinted(model)
    found: dict[tuple[bool, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        hint = hints.get(id(parameter), Hint())
        is_bias = name.rpartition(".")[2] == "bias"  # some have an axis of groups
        treatment = (hint.decay and parameter.ndim >= 2 and not is_bias, hint.lr)
        found.setdefault(treatment, []).append((name, parameter))
    ordered = sorted(found.items(), key=lambda item: (not item[0][0], item[0][1] != 1, item[0][1]))
    return [
        Group(decay, lr, tuple(name for name, _ in each), tuple(own for _, own in each))
        for (decay, lr), each in ordered
    ]


def hinted(model: nn.Module) -> dict[int, Hint]:
    """The hint of each parameter that has one, by the parameter's id.

    The hint of the innermost module wins.

    Raises:
        TypeError: a module has a hint for what it does not have.
    """
    found: dict[int, Hint] = {}
    for module in model.modules():  # outer modules come first
        for name, hint in getattr(module, "hints", {}).items():
            for parameter in _parameters(module, name):
                found[id(parameter)] = hint
    return found


def _parameters(module: nn.Module, name: str) -> Iterator[nn.Parameter]:
    if not hasattr(module, name):
        raise TypeError(f"{type(module).__name__}.hints: it has no '{name}'")
    own = getattr(module, name)
    if isinstance(own, nn.Module):
        yield from own.parameters()
    elif own is not None:
        yield own
