"""Presets of whole patterns of layers, and what may be changed in one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.errors import PluginError, SpecError
from seqzoo.grid.plan.expansion import expand
from seqzoo.registry import Origin, Registry, load_registry
from seqzoo.registry.explained import explain
from seqzoo.registry.presets import read_presets
from seqzoo.spec.model import ModelSpec

WRITTEN = """
family: layers
doc: Three and one.
spec:
  linear: {repeat: 3, mixer: recurrent}
  attention: {mixer: {type: attention, heads: 2}, mlp: null}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    file = tmp_path / "three-to-one.yaml"
    file.write_text(WRITTEN)
    registry = load_registry([])
    for preset in read_presets(file):
        registry.add(preset, Origin("test", "test", "0"))
    return registry


def blocks(registry: Registry, **layers: Any) -> list[tuple[str, bool]]:
    layers = {"preset": "three-to-one", **layers}
    model = registry.validate(ModelSpec, {"width": 16, "layers": layers})
    assert registry.validate(ModelSpec, model.model_dump(mode="json")) == model
    return [(block.mixer.part.name, block.mlp is not None) for block in model.blocks()]


def test_it_stands_for_its_groups(registry: Registry) -> None:
    pattern = [("recurrent", True)] * 3 + [("attention", False)]
    assert blocks(registry) == pattern
    assert blocks(registry, repeat=2) == 2 * pattern


def test_changes_are_laid_over_a_group(registry: Registry) -> None:
    changes = {"linear": {"repeat": 1}, "attention": {"mixer": {"window": 8}, "mlp": "swiglu"}}
    assert blocks(registry, **changes) == [("recurrent", True), ("attention", True)]
    model = registry.validate(
        ModelSpec, {"width": 16, "layers": {"preset": "three-to-one", **changes}}
    )
    attention: Any = list(model.blocks())[-1].mixer
    assert (attention.heads, attention.window) == (2, 8)
    replaced = {"attention": {"mixer": "serial"}}
    assert blocks(registry, **replaced)[-1] == ("serial", False)


def test_a_group_may_be_left_out(registry: Registry) -> None:
    assert blocks(registry, attention=None) == [("recurrent", True)] * 3
    with pytest.raises(SpecError, match="every group of 'three-to-one' is left out; keep one"):
        blocks(registry, attention=None, linear=None)


def test_problems_are_told_at_once_where_they_are(registry: Registry) -> None:
    with pytest.raises(SpecError) as failure:
        blocks(registry, liner={}, repeat=True, attention={"mixer": {"hed": 1}})
    assert str(failure.value).splitlines() == [
        "layers.liner: no group 'liner' in the layers of 'three-to-one'; did you mean 'linear'?",
        "layers.repeat: expected a whole number greater than 0, got true (boolean)",
        "layers.attention.mixer.hed: unknown key 'hed' in mixer 'attention'; did you mean 'heads'?",
    ]


def test_a_grid_changes_it_by_paths(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(
        "base:\n"
        "  model: {width: 16, layers: {preset: three-to-one}}\n"
        "  task: {type: parity, length: 64}\n"
        "  train: {steps: 10}\n"
        "variants:\n"
        "  whole: {}\n"
        "  pure: {model.layers.attention: null}\n"
        "  wide: {model.layers.attention.mixer.heads: 4, model.layers.linear.repeat: 5}\n"
    )
    spec = seqzoo.load_spec(file, registry)
    assert isinstance(spec, seqzoo.GridSpec)
    cells = {cell.variant: list(cell.spec.model.blocks()) for cell in expand(spec, registry)}
    assert {name: len(found) for name, found in cells.items()} == {"whole": 4, "pure": 3, "wide": 6}
    wide: Any = cells["wide"][-1].mixer
    assert wide.heads == 4


def test_it_is_explained(registry: Registry) -> None:
    entry = registry.get("layers", "three-to-one")
    assert entry is not None
    page = explain(entry, registry)
    assert [(key.path, key.default) for key in page.keys] == [
        ("repeat", "1"),
        ("linear", "{repeat: 3, mixer: recurrent}"),
        ("attention", "{mixer: {type: attention, heads: 2}, mlp: null}"),
    ]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{}", "spec has no group"),
        ("{linear: recurrent}", "group 'linear' is not a mapping"),
        ("{repeat: {mixer: recurrent}}", "a group cannot be called 'repeat'"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, spec: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(f"family: layers\ndoc: Bad.\nspec: {spec}\n")
    with pytest.raises(PluginError, match=message):
        list(read_presets(file))


def test_a_pattern_has_a_bound_on_all_of_its_blocks(registry: Registry) -> None:
    at_most = {"preset": "three-to-one", "repeat": 1024}
    assert registry.validate(ModelSpec, {"width": 16, "layers": at_most}).layers
    with pytest.raises(SpecError, match="layers: 4100 blocks, and a model has at most 4096"):
        registry.validate(ModelSpec, {"width": 16, "layers": {**at_most, "repeat": 1025}})
    groups = [{"repeat": 4096, "mixer": "attention"}, {"mixer": "attention"}]
    with pytest.raises(SpecError, match="layers: 4097 blocks"):
        registry.validate(ModelSpec, {"width": 16, "layers": groups})
