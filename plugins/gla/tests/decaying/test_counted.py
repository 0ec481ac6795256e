"""Attention by feature maps, divided by the sum of weights, against masked products."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError

from .transcription import Weights, agrees

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS = 16, 2


def weighted_mean(scores: Tensor, values: Tensor, epsilon: float) -> Tensor:
    """sum_{s<=t} score_ts v_s / (sum_{s<=t} score_ts + epsilon)."""
    rows = []
    for t in range(len(values)):
        total = scores[t, : t + 1].sum() + epsilon
        rows.append((scores[t, : t + 1].unsqueeze(-1) * values[: t + 1]).sum(0) / total)
    return torch.stack(rows)


def heads_of(weights: Weights, x: Tensor, key: str) -> list[tuple[Tensor, Tensor, Tensor]]:
    names = ("queries", f"{key}.key", f"{key}.value")
    q, k, v = ((x @ weights[f"{name}.project.weight"].T).view(len(x), HEADS, -1) for name in names)
    return [(q[:, h], k[:, h], v[:, h]) for h in range(HEADS)]


def linear_transformer(weights: Weights, x: Tensor) -> Tensor:
    means = []
    for q, k, v in heads_of(weights, x, "injection.injection"):
        means.append(weighted_mean((F.elu(q) + 1) @ (F.elu(k) + 1).T, v, 1e-6))
    return torch.cat(means, dim=-1) @ weights["readout.readout.project.weight"].T


def based(weights: Weights, x: Tensor) -> Tensor:
    means = []
    for q, k, v in heads_of(weights, x, "injection.injection"):
        scores = q @ k.T / math.sqrt(q.shape[1])
        means.append(weighted_mean(1 + scores + scores.square() / 2, v, 1e-12))
    return torch.cat(means, dim=-1) @ weights["readout.readout.project.weight"].T


def test_linear_transformer_is_a_weighted_mean() -> None:
    torch.manual_seed(0)
    spec = {"type": "linear_transformer", "heads": HEADS}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), linear_transformer)


@pytest.mark.parametrize("key_size", [3, 28])
def test_based_is_the_second_order_of_softmax(key_size: int) -> None:
    """Of one feature and of six."""
    torch.manual_seed(0)
    spec = {"type": "based", "heads": HEADS, "key_size": key_size}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), based)


def test_a_sum_of_weights_has_to_be_divided_by() -> None:
    counted = {"type": "recurrent", "injection": "counted"}
    with pytest.raises(SpecError, match="'linear' does not divide by it"):
        seqzoo.build_mixer(counted, WIDTH, REGISTRY)
    with pytest.raises(SpecError, match="'rank_one' does not write"):
        seqzoo.build_mixer({"type": "recurrent", "readout": "normalised"}, WIDTH, REGISTRY)
    twice = {"type": "counted", "injection": "counted"}
    with pytest.raises(SpecError, match="so does 'counted' inside it"):
        seqzoo.build_mixer({"type": "linear_transformer", "injection": twice}, WIDTH, REGISTRY)


def test_a_size_that_no_map_has_is_refused_with_those_near() -> None:
    with pytest.raises(SpecError, match="64 is no such number; give a key_size such as 55, 66"):
        seqzoo.build_mixer({"type": "based", "key_size": 64}, WIDTH, REGISTRY)


def test_decays_and_strengths_act_on_the_sum_too() -> None:
    """With all values 1 every mean is 1, whatever is forgotten."""
    torch.manual_seed(0)
    spec = {
        "type": "recurrent",
        "queries": {"activation": "elu1"},
        "injection": {
            "type": "counted",
            "injection": {"type": "rank_one", "key": {"activation": "elu1"}, "strength": "sigmoid"},
        },
        "forget": "channel_decay",
        "readout": {"type": "normalised", "epsilon": 0.0},
    }
    mixer = seqzoo.build_mixer(spec, WIDTH, REGISTRY).double()
    value = mixer.get_submodule("injection.injection.value")

    def ones(_: object, __: object, values: Tensor) -> Tensor:
        return torch.ones_like(values)

    value.register_forward_hook(ones)
    found, _ = mixer(torch.randn(1, 9, WIDTH, dtype=torch.float64))
    every = mixer.get_parameter("readout.readout.project.weight").sum(1)
    torch.testing.assert_close(found[0], every.expand(9, -1))
