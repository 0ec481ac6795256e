"""Weight decay spares, in every recurrent layer of the zoo, what makes decays and strengths."""

from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.operators import Place
from seqzoo.train.groups import parameter_groups

REGISTRY = seqzoo.load_registry()


def recurrent(mixer: str) -> RecurrentMixer | None:
    layer = REGISTRY.spec("mixer", mixer).build(Place(64, 0, 2, 0, 2))
    return next((part for part in layer.modules() if isinstance(part, RecurrentMixer)), None)


def reached(layer: RecurrentMixer, tensors: list[Tensor | None]) -> set[str]:
    """Names of the parameters with a gradient from these tensors."""
    made = [tensor for tensor in tensors if tensor is not None and tensor.requires_grad]
    if not made:
        return set()
    total = torch.stack([(torch.randn_like(tensor) * tensor).sum() for tensor in made]).sum()
    names, parameters = zip(*layer.named_parameters(), strict=True)
    gradients = torch.autograd.grad(total, parameters, allow_unused=True, retain_graph=True)
    found = zip(names, gradients, strict=True)
    return {name for name, gradient in found if gradient is not None and gradient.any()}


@pytest.mark.parametrize("mixer", [name for name in REGISTRY.names("mixer") if recurrent(name)])
def test_parameters_of_decays_and_strengths_alone(mixer: str) -> None:
    torch.manual_seed(0)
    layer = recurrent(mixer)
    assert layer is not None
    made: dict[str, Any] = {}
    layer.forget.register_forward_hook(lambda *call: made.update(transition=call[-1]))
    layer.injection.register_forward_hook(lambda *call: made.update(writes=call[-1]))
    with torch.no_grad():
        for parameter in layer.parameters():  # zeros would stop gradients
            parameter.add_(0.05 * torch.randn_like(parameter))
    layer(torch.randn(2, 12, 64))
    transition, writes = made["transition"], made["writes"]
    strength = None if transition.erase is None else transition.erase.strength
    rates = reached(layer, [transition.log_decay, strength, writes.strengths])
    contents = reached(layer, [writes.keys, writes.values])
    groups = parameter_groups(layer)
    decayed = {name for group in groups if group.decay for name in group.names}
    assert not (rates - contents) & decayed
