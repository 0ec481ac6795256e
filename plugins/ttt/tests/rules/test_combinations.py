"""Every memory with every loss and optimizer: tokens at once and one by one, gradients too."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
WIDTH, LENGTH = 8, 8
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"type": "sgd"},
    "momentum": {"type": "momentum", "chunk": 3, "largest_rate": 0.5},
    "large_chunk": {"type": "large_chunk", "momentum": True, "orthogonal": True},
}


def rules() -> list[dict[str, Any]]:
    parts = product(REGISTRY.names("memory"), REGISTRY.names("inner_loss"))
    own = [{"memory": memory, "loss": loss, "mini_batch": 3} for memory, loss in parts]
    trained = [
        {"type": "ttt", "optimizer": OPTIMIZERS[name], **rule}
        for name in REGISTRY.names("inner_optimizer")
        for rule in own
    ]
    windows = [{"type": "omega", "window": 4, "largest_rate": 0.5, **rule} for rule in own]
    return [*trained, *windows]


def label(rule: dict[str, Any]) -> str:
    optimizer = rule["optimizer"]["type"] if "optimizer" in rule else rule["type"]
    return f"{rule['memory']}-{rule['loss']}-{optimizer}"


@pytest.mark.parametrize("rule", rules(), ids=label)
def test_both_forms_agree(rule: dict[str, Any]) -> None:
    torch.manual_seed(0)
    spec = {"type": "serial", "heads": 2, "rule": rule}
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    x = torch.randn(1, LENGTH, WIDTH, dtype=torch.float64, requires_grad=True)

    def stepped() -> Tensor:
        state, outputs = mixer.initial_state(1), []
        for t in range(LENGTH):
            y, state = mixer.step(x[:, t], state)
            outputs.append(y)
        return torch.stack(outputs, 1)

    found = []
    for y in (mixer(x)[0], stepped()):
        gradients = torch.autograd.grad(y.sin().sum(), [x, *mixer.parameters()])
        found.append([y, *gradients])
    for at_once, one_by_one in zip(*found, strict=True):
        assert error_ratio(at_once, one_by_one) < 1e-9
