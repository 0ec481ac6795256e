"""Griffin's recurrent block, written out."""

from collections.abc import Mapping
from math import pi, sqrt

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError

from .functions import conv, sigmoid, softplus
from .transcriptions import REGISTRY, check_transcription


def rglru(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    channels = w["inputs.weight"].shape[0]
    h, seen, outputs = torch.zeros(channels, dtype=x.dtype), [], []
    for t, token in enumerate(x):
        beside = w["beside.weight"] @ token + w["beside.bias"]
        beside = 0.5 * beside * (1 + torch.tanh(sqrt(2 / pi) * (beside + 0.044715 * beside**3)))
        seen.append(w["inputs.weight"] @ token + w["inputs.bias"])
        v = conv(seen, w["conv.weight"], w["conv.bias"])
        r, i = (
            sigmoid(torch.block_diag(*w[f"{gate}.weight"]) @ v + w[f"{gate}.bias"].flatten())
            for gate in ("forget_gate", "input_gate")
        )
        a = torch.exp(-8 * r * softplus(w["rate"]))
        h = a * h + (torch.sqrt(1 - a**2) if t else 1) * i * v
        outputs.append(w["project.weight"] @ (beside * h) + w["project.bias"])
    return torch.stack(outputs)


@pytest.mark.parametrize("spec", ["rglru", {"type": "rglru", "blocks": 4, "channels": 24}])
def test_it_is_the_published_layer(spec: object) -> None:
    check_transcription(spec, rglru)


def test_decays_start_between_the_papers_bounds() -> None:
    mixer = seqzoo.build_mixer("rglru", 64, REGISTRY)
    kept = torch.exp(-softplus(mixer.get_parameter("rate")))
    assert 0.8999 < kept.min() < kept.max() < 0.9991


def test_blocks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpecError, match="3 blocks do not divide 16 channels"):
        seqzoo.build_mixer({"type": "rglru", "blocks": 3}, 16, REGISTRY)
