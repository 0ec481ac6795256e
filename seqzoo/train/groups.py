"""Which parameters weight decay shrinks."""

from __future__ import annotations

from torch import nn

__all__ = ["decayed_and_not"]


def decayed_and_not(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The trained parameters that weight decay shrinks, and those it leaves alone.

    Left alone are parameters with fewer than two dimensions (biases, the gains of norms, one number
    a head or channel), and those that their module names in `no_weight_decay`: projections to
    decays and to the strengths of a write or an erase, which a pull to 0 would set to sigmoid(0).
    All else is decayed, embeddings and full-width gates too.

    Raises:
        TypeError: a module names in `no_weight_decay` what it does not have.
    """
    marked: set[int] = set()
    for module in model.modules():
        for name in getattr(module, "no_weight_decay", ()):
            if not hasattr(module, name):
                raise TypeError(f"{type(module).__name__}.no_weight_decay: it has no '{name}'")
            own = getattr(module, name)
            parameters = own.parameters() if isinstance(own, nn.Module) else [own]
            marked.update(map(id, parameters))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [each for each in trained if each.ndim >= 2 and id(each) not in marked]
    chosen = set(map(id, decayed))
    return decayed, [each for each in trained if id(each) not in chosen]
