"""RWKV-4's time mix: every token's mean written out as a sum over all tokens before it."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from seqzoo.operators import Place

from .functions import sigmoid
from .transcriptions import REGISTRY, check_transcription


def rwkv4(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """sum_s weight_s v_s / sum_s weight_s, in a channel each."""
    rate, keys, values, outputs = torch.exp(w["log_rate"]), [], [], []
    before = torch.zeros_like(x[0])
    for t, token in enumerate(x):
        mixed = [token + mu * (before - token) for mu in w["shift.mix"]]
        keys.append(w["key.weight"] @ mixed[0])
        values.append(w["value.weight"] @ mixed[1])
        weights = [torch.exp(keys[s] - (t - 1 - s) * rate) for s in range(t)]
        weights.append(torch.exp(w["bonus"] + keys[t]))
        mean = sum(a * v for a, v in zip(weights, values, strict=True)) / sum(weights)
        outputs.append(w["project.weight"] @ (sigmoid(w["receptance.weight"] @ mixed[2]) * mean))
        before = token
    return torch.stack(outputs)


@pytest.mark.parametrize("spec", ["rwkv4", {"type": "rwkv4", "channels": 24}])
def test_it_is_the_published_layer(spec: object) -> None:
    check_transcription(spec, rwkv4)


def test_initial_values_are_the_published_ones() -> None:
    mixer = REGISTRY.spec("mixer", "rwkv4").build(Place(8, 1, 3, 1, 3))
    share = torch.tensor([(c / 8) ** (2 / 3) for c in range(8)])
    expected = torch.stack([share, share + 0.3 * 0.5, share**0.5])
    torch.testing.assert_close(1 - mixer.shift.mix, expected)
    torch.testing.assert_close(mixer.log_rate[[0, 7]], torch.tensor([-5.0, 3.0]))
    torch.testing.assert_close(mixer.bonus[:3].exp() / 0.3, torch.tensor([0.0, 0.5, -0.5]).exp())
    assert not mixer(torch.randn(1, 3, 8))[0].any()  # W_o starts at 0


@pytest.mark.parametrize("shift", [-500.0, 500.0])
def test_keys_of_any_size(shift: float) -> None:
    """The softmax over tokens does not see what all keys have in common."""
    torch.manual_seed(0)
    mixer = REGISTRY.spec("mixer", "rwkv4").build(Place(8)).double()
    with torch.no_grad():
        for layer in (mixer.key, mixer.receptance, mixer.project):
            layer.weight.normal_()
        mixer.log_rate.fill_(-30.0)  # no decay, which would bring a common factor back
    x = torch.randn(1, 9, 8, dtype=torch.float64)
    expected = mixer(x)[0]
    project = mixer.key.forward
    mixer.key.forward = lambda u: project(u) + shift
    torch.testing.assert_close(mixer(x)[0], expected)
