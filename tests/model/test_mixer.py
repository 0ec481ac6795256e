"""What every mixer refuses before its equation."""

import pytest
import torch

import seqzoo

REGISTRY = seqzoo.load_registry()


@pytest.mark.parametrize("name", ["recurrent", "attention", "prefix"])
def test_an_input_of_another_shape_is_refused_by_name(name: str) -> None:
    settings = {"aggregator": "gated_mean"} if name == "prefix" else {}
    mixer = seqzoo.build_mixer({"type": name, **settings}, 64, REGISTRY)
    with pytest.raises(
        ValueError, match=rf"mixer '{name}' takes \(batch, tokens, 64\), got \(2, 5"
    ):
        mixer(torch.randn(2, 5, 32))
    with pytest.raises(
        ValueError, match=rf"mixer '{name}' takes \(batch, tokens, 64\), got \(5, 6"
    ):
        mixer(torch.randn(5, 64))
    with pytest.raises(
        ValueError, match=rf"a step of mixer '{name}' takes \(batch, 64\), got \(2, 1"
    ):
        mixer.step(torch.randn(2, 1, 64), mixer.initial_state(2))
