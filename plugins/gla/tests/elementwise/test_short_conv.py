"""LFM2's convolution, written out."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from .transcriptions import check_transcription


def short_conv(x: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """y_t = W_o (c_t * sum_j w_j * b_{t-j} * v_{t-j})."""
    taps = weights["conv.weight"][:, 0]
    width, kernel_size = taps.shape
    gated, outputs = [], []
    for token in x:
        made = weights["project_in.weight"] @ token + weights.get("project_in.bias", 0)
        b, c, v = made[:width], made[width : 2 * width], made[2 * width :]
        gated.append(b * v)
        last = gated[-kernel_size:]
        mixed = sum(taps[:, kernel_size - 1 - j] * each for j, each in enumerate(reversed(last)))
        mixed = mixed + weights.get("conv.bias", 0)
        outputs.append(weights["project.weight"] @ (c * mixed) + weights.get("project.bias", 0))
    return torch.stack(outputs)


@pytest.mark.parametrize(
    "spec", ["short_conv", {"type": "short_conv", "kernel_size": 7, "bias": True}]
)
def test_it_is_the_published_layer(spec: object) -> None:
    mixer = check_transcription(spec, short_conv)
    assert dict(mixer.recurrence())["state"].startswith("the last ")
