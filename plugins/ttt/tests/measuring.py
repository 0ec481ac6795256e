"""What the tests of layers compare: outputs and gradients, in one call and in pieces."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.model import Mixer


def measured(mixer: Mixer, x: Tensor, function: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """The outputs, and the gradients of x and all parameters."""
    x = x.clone().requires_grad_()
    y = function(x)
    loss = (y.sin() * torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).view_as(y)).sum()
    return [y.detach(), *torch.autograd.grad(loss, [x, *mixer.parameters()])]


def in_pieces(mixer: Mixer, x: Tensor, cuts: list[int]) -> Tensor:
    """The outputs where a sequence is cut at these tokens, and the state carried on."""
    state, outputs = mixer.initial_state(len(x)), []
    for begin, end in pairwise([0, *cuts, x.shape[1]]):
        y, state = mixer(x[:, begin:end], state)
        outputs.append(y)
    return torch.cat(outputs, 1)
