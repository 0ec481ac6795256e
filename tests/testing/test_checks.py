"""Every registered mixer and operator passes the conformance kit; broken mixers do not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import State
from seqzoo.registry import Origin, Registry
from seqzoo.testing import MIXER_CHECKS, MixerCase, registered_cases

CASES = tuple(registered_cases(seqzoo.load_registry()))


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_registered_part_conforms(
    case: MixerCase, check: Callable[[MixerCase], None]
) -> None:
    check(case)


class SeesTheFuture(Mixer):
    """The mean over all tokens."""

    name = "sees-the-future"

    def __init__(self, spec, width: int) -> None:
        super().__init__(spec, width)
        self.project = nn.Linear(width, width)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self.project(x + x.mean(1, keepdim=True)), torch.zeros(x.shape[0], 2)

    def start(self, like: Tensor) -> State:
        return like.new_zeros(like.shape[0], 2)

    def state_size(self, context: int) -> int:
        return 3

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        return ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("is_causal", "outputs before token 1 see tokens from it on"),
        ("splits_agree", "cut at"),
        ("steps_agree", "step by step"),
        ("state_size_is_reported", "2 are carried, not 3"),
        ("gradients_reach_every_parameter", "unused: no gradient"),
    ],
)
def test_a_defect_is_found(name: str, message: str) -> None:
    registry = Registry()
    registry.add(SeesTheFuture, Origin("test", "test", "0"))
    check = next(check for check in MIXER_CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(MixerCase("sees-the-future", registry))
