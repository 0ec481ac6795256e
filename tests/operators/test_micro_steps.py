"""Micro-steps: a decay happens before the first of a token; injections say how many they take."""

from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.operators import Place, Stream
from seqzoo.operators.forgets.micro_steps import before_first_step

REGISTRY = seqzoo.load_registry()


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 3, 2, 4)], ids=["heads", "channels"])
def test_all_but_the_first_step_of_a_token_keep_everything(shape: tuple[int, ...]) -> None:
    log_decay = -torch.rand(shape)
    assert before_first_step(log_decay, 1) is log_decay
    found = before_first_step(log_decay, 3)
    assert found.shape == (2, 9, *shape[2:])
    assert torch.equal(found[:, ::3], log_decay)
    assert not found[:, 1::3].any()
    assert not found[:, 2::3].any()


@pytest.mark.parametrize("name", REGISTRY.names("mixer"))
def test_every_injection_says_in_how_many_micro_steps_it_writes(name: str) -> None:
    spec: Any = REGISTRY.spec("mixer", name)
    if not isinstance(spec, RecurrentMixer.Spec):
        pytest.skip("no injection")
    mixer, x = spec.build(Place(32)), torch.randn(1, 3, 32)
    stream = Stream.over(x)
    writes = mixer.injection(mixer.anchor(x, stream), stream)
    injection: Any = spec.injection
    assert writes.steps == injection.part.micro_steps(injection)
