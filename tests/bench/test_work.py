"""The phases that are timed."""

import pytest
import torch

import seqzoo
from seqzoo.bench.work import Phase, Setting, function_of, prepare
from seqzoo.errors import SpecError

SETTING = Setting(2, torch.device("cpu"), "float32")


def test_decode_is_one_token_after_the_sequence() -> None:
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer("prism", 32)
    y, state = function_of(mixer, Phase.PREFILL, 20, SETTING)()
    assert y.shape == (2, 20, 32)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 20, 32, generator=generator)
    expected, _ = mixer(torch.cat((x, x[:, -1:]), 1))
    y_t, _ = function_of(mixer, Phase.DECODE, 20, SETTING)()
    torch.testing.assert_close(y_t, expected[:, -1])
    assert state is not None


def test_training_gives_every_gradient() -> None:
    mixer = seqzoo.build_mixer("gated_deltanet", 32)
    gradients = function_of(mixer, Phase.TRAINING, 20, SETTING)()
    assert gradients[0].shape == (2, 20, 32)
    assert len(gradients) == 1 + len(list(mixer.parameters()))
    assert all(each is not None and each.isfinite().all() for each in gradients)


def test_what_is_prepared() -> None:
    mixer = seqzoo.build_mixer("prism", 32)
    prepared = prepare(mixer, Phase.PREFILL, 20, SETTING)
    assert prepared.scan is not None
    assert [each.backend for each in prepared.used] == ["chunked"]
    assert prepared.state_bytes == 4 * mixer.state_size(20)
    serial = prepare(seqzoo.build_mixer("serial", 32), Phase.TRAINING, 20, SETTING)
    assert serial.scan is None


def test_half_precision_is_by_autocast() -> None:
    mixer = seqzoo.build_mixer("attention", 32)
    half = Setting(1, torch.device("cpu"), "bfloat16")
    assert function_of(mixer, Phase.PREFILL, 8, half)()[0].dtype == torch.bfloat16


def test_a_mixer_without_a_state_has_no_decode() -> None:
    class Whole(type(seqzoo.build_mixer("attention", 16))):
        streams = False

    mixer = seqzoo.build_mixer("attention", 16)
    mixer.__class__ = Whole
    with pytest.raises(SpecError, match="carries no state, so it cannot decode"):
        prepare(mixer, Phase.DECODE, 8, SETTING)
