"""Presets in slots: changes, options, and where messages say they are written."""

from __future__ import annotations

import pytest

from seqzoo.errors import SpecError
from seqzoo.registry import Registry
from seqzoo.spec.preset import merged


def test_a_preset_is_the_spec_it_stands_for(kitchen: Registry) -> None:
    dish = kitchen.spec("dish", "broth").model_dump()
    assert dish["type"] == "soup"
    assert dish["spice"] == {"type": "pepper", "heat": 0.5}


def test_options_reach_through_presets_of_presets(kitchen: Registry) -> None:
    assert kitchen.spec("dish", "hot-broth").model_dump()["spice"]["heat"] == 0.9
    burnt = kitchen.spec("dish", {"type": "hot-broth", "burn": 2.0})
    assert burnt.model_dump()["spice"]["heat"] == 2.0
    also = kitchen.spec("dish", {"type": "hot-broth", "heat": 3.0})
    assert also.model_dump()["spice"]["heat"] == 3.0


def test_a_change_may_go_inside_or_replace_a_part(kitchen: Registry) -> None:
    inside = kitchen.spec("dish", {"type": "broth", "spice": {"heat": 0.1}})
    assert inside.model_dump()["spice"] == {"type": "pepper", "heat": 0.1}
    other = kitchen.spec("dish", {"type": "broth", "spice": {"type": "salt"}})
    assert other.model_dump()["spice"] == {"type": "salt", "grains": 7}


def test_a_change_lies_over_an_option_of_the_preset(kitchen: Registry) -> None:
    inside = kitchen.spec("dish", {"type": "hot-broth", "spice": {"heat": 0.1}})
    assert inside.model_dump()["spice"] == {"type": "pepper", "heat": 0.1}
    other = kitchen.spec("dish", {"type": "hot-broth", "spice": "salt"})
    assert other.model_dump()["spice"] == {"type": "salt", "grains": 7}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"type": "broth", "heat": "hot"},
            "heat: expected a number, got 'hot' (text)",
        ),
        (
            {"type": "hot-broth", "burn": "hot"},
            "burn: expected a number, got 'hot' (text)",
        ),
        (
            {"type": "broth", "het": 1.0},
            "het: unknown key 'het' in dish 'broth'; did you mean 'heat'?",
        ),
        (
            {"type": "broth", "spice": "salt", "heat": 1.0},
            "heat: unknown key 'heat' in spice 'salt', where the option 'heat' of dish 'broth' "
            "leads; known: grains, type",
        ),
        (
            {"type": "broth", "heat": 1.0, "spice": {"heat": 2.0}},
            "spice.heat: set twice: the option 'heat' of dish 'broth' leads here too; leave it "
            "out, and set heat",
        ),
        (
            {"type": "hot-broth", "burn": 1.0, "heat": 2.0},
            "heat: set twice: the option 'burn' of dish 'hot-broth' leads here too; leave it out, "
            "and set burn",
        ),
        (
            {"type": "hot-broth", "burn": 1.0, "spice": {"heat": 2.0}},
            "spice.heat: set twice: the option 'burn' of dish 'hot-broth' leads here too; leave "
            "it out, and set burn",
        ),
        (
            {"type": "soup", "side": {"type": "broth", "heat": 1.0, "spice": {"heat": "hot"}}},
            "side.spice.heat: set twice: the option 'heat' of dish 'broth' leads here too; leave "
            "it out, and set side.heat",
        ),
    ],
)
def test_problems_are_where_the_change_is_written(
    kitchen: Registry, value: dict[str, object], message: str
) -> None:
    with pytest.raises(SpecError) as failure:
        kitchen.spec("dish", value)
    assert str(failure.value) == message


def test_merging() -> None:
    base = {"type": "a", "x": {"type": "b", "y": 1, "z": 2}}
    assert merged(base, {"x": {"y": 5}}) == {"type": "a", "x": {"type": "b", "y": 5, "z": 2}}
    assert merged(base, {"x": {"type": "c", "y": 5}}) == {"type": "a", "x": {"type": "c", "y": 5}}
    assert merged("a", {"x": 1}) == {"type": "a", "x": 1}
    assert merged(base, None) is None
