"""Sizes of the recurrent mixer: what its heads, keys and values are at a width."""

from typing import assert_type

import pytest

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.operators import Anchor, Forget, Place
from seqzoo.spec import PartSpec

REGISTRY = seqzoo.load_registry()


@pytest.mark.parametrize(
    ("settings", "width", "sizes"),
    [
        ({}, 128, (2, 64, 64)),
        ({"head_size": 32, "expand_values": 2.0}, 128, (4, 32, 64)),
        ({"heads": 4, "expand_keys": 0.5}, 80, (4, 10, 20)),
        ({"head_size": 32, "key_size": 5, "expand_values": 2.0}, 48, (1, 5, 96)),
    ],
)
def test_sizes_follow_the_width(
    settings: dict[str, object], width: int, sizes: tuple[int, int, int]
) -> None:
    mixer = seqzoo.build_mixer({"type": "recurrent", **settings}, width, REGISTRY)
    assert isinstance(mixer, RecurrentMixer)
    assert (mixer.dims.heads, mixer.dims.key_size, mixer.dims.value_size) == sizes


def test_an_uneven_share_is_refused_with_the_way_out() -> None:
    with pytest.raises(SpecError, match=r"expand_keys 0\.3 of the width 32 .* give key_size"):
        seqzoo.build_mixer({"type": "recurrent", "expand_keys": 0.3}, 32, REGISTRY)


def test_xavier_gain_draws_every_matrix() -> None:
    """Uniform within gain * sqrt(6 / (inputs + outputs)), and near its ends."""
    spec = {"type": "recurrent", "xavier_gain": 0.25, "readout": {"type": "gated", "rank": 8}}
    mixer = seqzoo.build_mixer(spec, 64, REGISTRY)
    matrices = [each for each in mixer.parameters() if each.ndim == 2]
    assert len(matrices) == 6
    for matrix in matrices:
        bound = 0.25 * (6 / sum(matrix.shape)) ** 0.5
        assert 0.95 * bound < matrix.detach().abs().max() <= bound


def test_key_heads_divide_the_heads() -> None:
    for key_heads in (1, 2, 4):
        spec = {"type": "recurrent", "heads": 4, "key_heads": key_heads}
        assert seqzoo.build_mixer(spec, 32, REGISTRY).misfit(REGISTRY.spec("mixer", spec), 32) == ""
    with pytest.raises(SpecError, match="4 heads are not a multiple of 3 key heads"):
        seqzoo.build_mixer({"type": "recurrent", "heads": 4, "key_heads": 3}, 32, REGISTRY)


@pytest.mark.parametrize("name", ["recurrent", "serial"])
def test_heads_divide_the_width_unless_both_sizes_are_given(name: str) -> None:
    for one in ({"key_size": 4}, {"value_size": 4}, {}):
        with pytest.raises(SpecError, match="3 heads do not divide the width 32"):
            seqzoo.build_mixer({"type": name, "heads": 3, **one}, 32, REGISTRY)
    seqzoo.build_mixer({"type": name, "heads": 3, "key_size": 4, "value_size": 5}, 32, REGISTRY)


def test_a_type_checker_knows_what_a_slot_builds() -> None:
    spec = REGISTRY.spec("mixer", "recurrent")
    assert isinstance(spec, RecurrentMixer.Spec)
    dims = RecurrentMixer(spec, Place(32)).dims
    assert isinstance(assert_type(spec.anchor.build(dims), Anchor), Anchor)
    assert isinstance(assert_type(spec.forget.build(dims), Forget), Forget)
    assert PartSpec[Anchor] is PartSpec
