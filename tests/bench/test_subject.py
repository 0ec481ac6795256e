"""Which mixers the arguments of `seqzoo bench` mean."""

from pathlib import Path

import pytest
import torch

import seqzoo
from seqzoo.bench.subject import subjects_of
from seqzoo.errors import SpecError

REGISTRY = seqzoo.load_registry()
GRID = """
base:
  model: {width: 32, layers: [{repeat: 2, mixer: linear_attention}, {mixer: attention}]}
  task: {type: parity, length: 16}
  train: {steps: 1}
variants:
  plain: {}
  small: {model.width: 16, model.layers: 2, model.mixer: prism}
seeds: 3
"""


def test_names_and_mappings() -> None:
    changed = "{type: prism, depth: 3}"
    subjects = subjects_of(["prism", changed, "prism"], REGISTRY, None)
    assert [(each.name, each.width) for each in subjects] == [("prism", 256), (changed, 256)]
    (narrow,) = subjects_of(["prism"], REGISTRY, 32)
    x = torch.randn(1, 4, 32)
    assert torch.equal(*(narrow.build(torch.device("cpu"))(x)[0] for _ in range(2)))


def test_a_files_mixers_each_once(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(GRID)
    subjects = subjects_of([str(file)], REGISTRY, None)
    found = [(each.name, each.width) for each in subjects]
    assert found == [("plain recurrent", 32), ("plain attention", 32), ("small", 16)]
    assert {each.width for each in subjects_of([str(file)], REGISTRY, 64)} == {64}


def test_one_name_at_two_widths(tmp_path: Path) -> None:
    names = []
    for width in (16, 32):
        file = tmp_path / f"{width}.yaml"
        model = f"model: {{width: {width}, layers: 1, mixer: attention}}"
        file.write_text(f"{model}\ntask: {{type: parity, length: 16}}\ntrain: {{steps: 1}}\n")
        names.append(str(file))
    found = [each.name for each in subjects_of(names, REGISTRY, None)]
    assert found == ["attention 16", "attention 32"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("prisn", "unknown mixer 'prisn'; did you mean 'prism'?"),
        ("{type: prism, dept: 3}", "unknown key 'dept' in mixer 'prism'; did you mean 'depth'?"),
        ("{type: prism", "is not a YAML mapping"),
        ("none.yaml", "none.yaml"),
    ],
)
def test_what_is_wrong_is_said(given: str, message: str) -> None:
    with pytest.raises(SpecError) as failure:
        subjects_of(["attention", given], REGISTRY, None)
    assert message in str(failure.value)


def test_a_width_that_does_not_fit() -> None:
    with pytest.raises(SpecError, match="heads"):
        subjects_of(["{type: attention, heads: 7}"], REGISTRY, 32)
