"""Its equation is tested in test_presets.py, against a restatement."""

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Place


def build(spec: object, width: int = 16) -> Mixer:
    return seqzoo.load_registry().spec("mixer", spec).build(Place(width))


def test_memories_have_half_the_width_and_parameters_are_the_releases() -> None:
    mixer = build("released-mom")
    anchor = 16 * 4  # the convolution's last four inputs
    assert mixer.state_size(7) == 4 * 8 * 8 + anchor
    # convolution, router, projections in two groups, output in two groups
    assert sum(p.numel() for p in mixer.parameters()) == 96 + 68 + 6 * 16 * 8 + 16 * 16
    assert dict(mixer.recurrence())["state"] == "4 memories, each 8 x 8"


def test_each_half_of_the_output_reads_two_memories() -> None:
    torch.manual_seed(0)
    mixer = build("grouped_mom")
    x = torch.randn(1, 5, 16)
    with torch.no_grad():
        before = mixer(x)[0]
        mixer.get_parameter("second.weight")[-16:] *= 2  # values of the third and fourth memory
        after = mixer(x)[0]
    torch.testing.assert_close(after[..., :8], before[..., :8], rtol=0, atol=0)
    assert not torch.allclose(after[..., 8:], before[..., 8:])


def test_an_odd_width_is_refused() -> None:
    model = {"width": 15, "layers": 1, "mixer": "grouped_mom"}
    with pytest.raises(SpecError, match="a width of 15 has no halves; choose an even one"):
        seqzoo.build_model(model, seqzoo.load_registry(), vocab_size=7)
