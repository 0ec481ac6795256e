"""HGRN, written out, and its bounds over layers."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import Place, Stream

from .functions import sigmoid, silu
from .transcriptions import REGISTRY, check_transcription


def hgrn(x: Tensor, w: Mapping[str, Tensor], bound: Tensor | float = 0.0) -> Tensor:
    h, outputs = torch.zeros(w["forget.weight"].shape[0], dtype=x.dtype), []
    for token in x:
        f = bound + (1 - bound) * sigmoid(w["forget.weight"] @ token)
        h = f * h + (1 - f) * silu(w["inputs.weight"] @ token)
        normed = w["norm.weight"] * h / (h.square().mean() + 1e-5).sqrt()
        outputs.append(w["project.weight"] @ (normed * silu(w["gate.weight"] @ token)))
    return torch.stack(outputs)


@pytest.mark.parametrize("spec", ["hgrn", {"type": "hgrn", "expand": 2}])
def test_it_is_the_published_layer(spec: object) -> None:
    check_transcription(spec, hgrn)


def test_bounds_rise_from_layer_to_layer() -> None:
    """b_l = cumsum of the softmax over layers, less its first; layers of other kinds between."""
    spec = REGISTRY.spec("mixer", "hgrn")
    mixers = [spec.build(Place(16, 2 * i, 6, i, 3)).double() for i in range(3)]
    raw = mixers[0].bounds.weight
    assert raw.shape == (3, 16)
    with torch.no_grad():
        raw.normal_()
    shares = torch.exp(raw) / torch.exp(raw).sum(0)
    x, handed = torch.randn(5, 16, dtype=torch.float64), None
    for layer, mixer in enumerate(mixers):
        stream = Stream.over(x.unsqueeze(0), handed=handed)
        found = mixer.mix(x.unsqueeze(0), stream)[0]
        handed = stream.handed()
        bound = shares[1 : layer + 1].sum(0)
        torch.testing.assert_close(found, hgrn(x, dict(mixer.named_parameters()), bound))


def test_a_later_layer_alone_is_refused() -> None:
    mixer = REGISTRY.spec("mixer", "hgrn").build(Place(16, 1, 2, 1, 2))
    with pytest.raises(SpecError, match="hgrn layer 1 finds no lower bounds"):
        mixer(torch.zeros(1, 2, 16))
