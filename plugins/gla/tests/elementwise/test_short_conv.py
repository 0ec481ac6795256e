"""LFM2's convolution, written out."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from .functions import conv
from .transcriptions import check_transcription


def short_conv(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """y_t = W_o (c_t * sum_j w_j * b_{t-j} * v_{t-j})."""
    width, seen, outputs = x.shape[1], [], []
    for token in x:
        made = w["project_in.weight"] @ token + w.get("project_in.bias", 0)
        b, c, v = made[:width], made[width : 2 * width], made[2 * width :]
        seen.append(b * v)
        mixed = conv(seen, w["conv.weight"], w.get("conv.bias"))
        outputs.append(w["project.weight"] @ (c * mixed) + w.get("project.bias", 0))
    return torch.stack(outputs)


@pytest.mark.parametrize(
    "spec", ["short_conv", {"type": "short_conv", "kernel_size": 7, "bias": True}]
)
def test_it_is_the_published_layer(spec: object) -> None:
    mixer = check_transcription(spec, short_conv)
    assert dict(mixer.recurrence())["state"].startswith("the last ")
