from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.model import LanguageModel, Mixer, build_model
from seqzoo.operators import Place, Stream
from seqzoo.spec import PartSpec
from seqzoo.train.streaming import check_streaming


class Reads(Mixer):
    """Stands for a wrapped module: no state in the stream."""

    name = "reads"
    back = True

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.project = nn.Linear(place.width, place.width)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return self.project(x.cumsum(1) if self.back else x)


class ReadsOneToken(Reads):
    """Needs no state."""

    name = "reads_one_token"
    back = False


class SaysSo(Reads):
    """Declares that it does not stream."""

    name = "says_so"
    streams = False


def model_of(make_spec, kind: type[Mixer]) -> LanguageModel:
    torch.manual_seed(0)
    model = build_model(make_spec().model, vocab_size=7)
    for block in model._blocks():
        block.mixer = kind(kind.Spec(), Place(make_spec().model.width))
    return model


def test_a_mixer_that_looks_back_and_keeps_nothing_is_named(make_spec) -> None:
    model = model_of(make_spec, Reads).train()
    before = torch.get_rng_state()
    with pytest.raises(SpecError, match="mixer 'reads' keeps no state, and its output depends"):
        check_streaming(model, make_spec().model.width)
    assert all(mixer.training for mixer in model.mixers())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", [ReadsOneToken, SaysSo])
def test_so_is_no_other(kind: type[Mixer], make_spec) -> None:
    check_streaming(model_of(make_spec, kind), make_spec().model.width)
    check_streaming(build_model(make_spec().model, vocab_size=7), make_spec().model.width)
