from __future__ import annotations

from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.model import ModelSpec


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry([])


def blocks(registry: Registry, **data: Any) -> list[tuple[str, str | None]]:
    model = registry.validate(ModelSpec, {"width": 16, **data})
    return [
        (block.mixer.part.name, block.mlp.part.name if block.mlp else None)
        for block in model.blocks()
    ]


def test_equal_blocks(registry: Registry) -> None:
    assert blocks(registry, layers=2, mixer="attention") == [("attention", "mlp")] * 2
    assert blocks(registry, layers=1, mixer="attention", mlp=None) == [("attention", None)]


def test_a_pattern_takes_from_the_model_what_it_leaves_out(registry: Registry) -> None:
    layers = [{"repeat": 2, "mlp": "swiglu"}, {"mixer": "attention"}]
    assert blocks(registry, layers=layers, mixer="recurrent") == [
        ("recurrent", "swiglu"),
        ("recurrent", "swiglu"),
        ("attention", "mlp"),
    ]


@pytest.mark.parametrize("layers", [0, -1, True, 2.0, "2", [], {}, None])
def test_what_are_no_layers(registry: Registry, layers: Any) -> None:
    with pytest.raises(
        SpecError, match=r"layers: layers is a number from 1 to 4096, a pattern such as"
    ):
        blocks(registry, layers=layers, mixer="attention")


def test_problems_in_a_pattern_are_where_they_are(registry: Registry) -> None:
    with pytest.raises(SpecError) as failure:
        blocks(
            registry, layers=[{"mixer": "attention"}, {"mixer": {"type": "attention", "hed": 1}}]
        )
    assert str(failure.value) == (
        "layers.1.mixer.hed: unknown key 'hed' in mixer 'attention'; did you mean 'heads'?"
    )


@pytest.mark.parametrize("layers", [2, [{"mixer": "attention"}, {"repeat": 2}]])
def test_every_block_has_a_mixer(registry: Registry, layers: Any) -> None:
    with pytest.raises(SpecError, match="no mixer"):
        blocks(registry, layers=layers)
