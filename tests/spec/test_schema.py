"""JSON Schema for editors: it takes what we take, and refuses what an editor should mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from seqzoo import load_registry
from seqzoo.registry import Origin, Registry
from seqzoo.spec import Preset, SpecModel
from seqzoo.spec.document import parse_document, read_document
from seqzoo.spec.fields import fields_of
from seqzoo.spec.load import is_grid
from seqzoo.spec.schema import grid_schema, raw_schema, run_schema, slot_schema

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
RUN = """
model: {width: 16, layers: 2, mixer: {type: prism, depth: 2}, mlp: {ratio: 4, activation: gelu}}
task: {type: local_xor, length: 128, vocab_size: 32}
train: {steps: 10000, optimizer: {type: adamw, lr: 1e-3, weight_decay: 1e-4}, clip: 5.0}
"""
GRID = """
base: run.yaml
variants: {full: {}, linear: {model.mixer.activation: identity}}
axes: {task.type: [local_xor, parity]}
seeds: 3
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="module")
def run(registry: Registry) -> Draft202012Validator:
    return checker(run_schema(registry))


@pytest.fixture(scope="module")
def grid(registry: Registry) -> Draft202012Validator:
    return checker(grid_schema(registry))


def checker(schema: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_every_reference_has_its_definition(registry: Registry) -> None:
    for schema in (run_schema(registry), grid_schema(registry)):
        references = set(_references(schema))
        assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}
        assert "x-slot" not in str(schema)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [each for value in schema.values() for each in _references(value)]
    if isinstance(schema, list):
        return [each for value in schema for each in _references(value)]
    return []


class Base(SpecModel):
    """A base's fields.

    least, most: of the step; null
        for no bound.
    rank: features. bias: whether there is b.
    """

    least: float = 0.0
    most: float | None = None
    rank: int = 1
    bias: bool = False


class Derived(Base):
    """size: of a head, as in arXiv: 1. rank: of this one.

    The fields of the base: as they were.
    """

    size: int = 1


def test_a_fields_words_are_those_of_the_docstrings_also_of_a_base() -> None:
    properties = raw_schema(Derived)["properties"]
    assert {name: each["description"] for name, each in properties.items()} == {
        "least": "of the step; null for no bound.",
        "most": "of the step; null for no bound.",
        "rank": "of this one.",
        "bias": "whether there is b.",
        "size": "of a head, as in arXiv: 1.",
    }
    assert raw_schema(Derived)["description"].startswith("size: of a head")


def test_every_key_of_every_part_has_words(registry: Registry) -> None:
    silent = [
        f"{family} {name}: {field.path}"
        for family in registry.families()
        for name in registry.names(family)
        if (part := registry.part(family, name)) is not None
        for field in fields_of(part.Spec)
        if not field.doc
    ]
    assert not silent


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_examples(example: Path, run: Draft202012Validator, grid: Draft202012Validator) -> None:
    data = read_document(example).data
    (grid if is_grid(data) else run).validate(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.mixer", "prism"),
        ("model.mixer.anchor", "identity"),
        ("model.mixer.anchor", {"kernel_size": 8}),  # of the preset's own anchor
        ("model.mixer.injection.depth", 3),
        ("model.mixer", {"type": "recurrent", "anchor": {"type": "short_conv"}, "heads": 2}),
        ("model.mixer", {"type": "prism-linear", "depth": 3}),
        ("model.mlp", None),
        ("model.layers", [{"repeat": 3, "mixer": "prism"}, {"mixer": "attention"}]),
        ("train.stop.target", 0.9),
        ("train.optimizer", "adamw"),
        ("name", None),
    ],
)
def test_what_is_valid(run: Draft202012Validator, path: str, value: Any) -> None:
    run.validate(parse_document(RUN, "run").with_delta(path, value).data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.mixer", "prizm"),
        ("model.mixer.depht", 2),
        ("model.mixer.depth", "two"),
        ("model.mixer.depth", 0),
        ("model.mixer.anchor", "gelu"),
        ("model.mixer.anchor", {"kernel_sise": 8}),
        ("model.mixer", {"type": "recurrent", "anchor": {"kernel_size": 8}}),
        ("model.mixer", {"depth": 2}),
        ("model.layers", [{"repet": 3}]),
        ("model.layers", []),
        ("model.width", -1),
        ("train.stpes", 2),
        ("train.stop", 0.9),
        ("train.stop", {}),
        ("train.optimizer.lr", "fast"),
        ("task", {"length": 3}),
        ("seeds", 3),
    ],
)
def test_what_is_not(run: Draft202012Validator, path: str, value: Any) -> None:
    assert not run.is_valid(parse_document(RUN, "run").with_delta(path, value).data)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (GRID, True),
        (GRID.replace("base: run.yaml", f"base: {parse_document(RUN, 'r').data}"), True),
        (
            "base: {model: {width: 16, layers: 1}, train: {steps: 1}}\naxes: {task: [parity]}\n",
            True,
        ),
        ("base: run.yaml\npaired: [{model.width: [1, 2]}]\nexclude: [{variant: a}]\n", True),
        ("base: run.yaml\npaired: {model.width: [1, 2]}\nseeds: [0, 1]\n", True),
        (
            "base: run.yaml\ngrids: [{axes: {model.width: [1]}, seeds: 2}, {variants: {a: {}}}]\n",
            True,
        ),
        ("base: run.yaml\ngrids: [{axes: {modle.width: [1]}}]\n", False),
        ("base: run.yaml\ngrids: [{base: run.yaml}]\n", False),
        ("base: run.yaml\ngrids: []\n", False),
        (GRID.replace("seeds", "sedes"), False),
        (GRID.replace("base", "bass"), False),
        (GRID.replace("seeds: 3", "seeds: 0"), False),
        (GRID.replace("task.type:", "tsk.type:"), False),
        (GRID.replace("model.mixer.activation", "modle.mixer.activation"), False),
        (GRID.replace("[local_xor, parity]", "parity"), False),
        ("base: {model: {width: 16, layres: 1}}\nseeds: 3\n", False),
        ("base: {task: {type: paritty}}\nseeds: 3\n", False),
    ],
)
def test_grids(grid: Draft202012Validator, text: str, valid: bool) -> None:
    assert grid.is_valid(parse_document(text, "grid").data) is valid


def test_third_party_parts_and_presets_are_in_it(kitchen: Registry) -> None:
    schema = slot_schema("dish", kitchen)
    definitions = schema["$defs"]
    check = checker(schema)
    assert check.is_valid("broth")
    assert check.is_valid({"type": "hot-broth", "burn": 2.0, "spice": {"heat": 1}})
    assert check.is_valid({"type": "soup", "side": {"litres": 2}, "range": [0, 1]})
    assert not check.is_valid({"type": "soup", "spice": "pepper"})  # pepper wants its heat
    assert not check.is_valid({"type": "soup", "spice": {"heat": 1}})
    assert not check.is_valid({"type": "broth", "burn": 2.0})
    assert not check.is_valid({"type": "broth", "heat": "hot"})
    salt = definitions["spice:salt"]
    assert salt["properties"]["grains"]["description"] == "number of them, counted by hand."
    assert definitions["dish:broth"]["properties"]["heat"]["description"] == "sets spice.heat"
    (names,) = (each["anyOf"] for each in definitions["slot:dish"]["anyOf"] if "anyOf" in each)
    assert {"const": "broth", "description": "A clear soup."} in names


def test_presets_that_lead_nowhere_are_left_out() -> None:
    registry = load_registry([])
    origin = Origin("odd", "seqzoo-odd", "1")
    registry.add(Preset("hen", {"type": "egg"}, doc="Of an egg."), origin)
    registry.add(Preset("egg", {"type": "hen"}, doc="Of a hen."), origin)
    registry.add(Preset("lost", {"type": "nowhere"}, doc="Of nothing."), origin)
    check = checker(slot_schema("mixer", registry))
    assert check.is_valid("attention")
    assert not any(check.is_valid(name) for name in ("hen", "egg", "lost"))
