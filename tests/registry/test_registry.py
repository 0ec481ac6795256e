"""The registry alone: names, origins, clashes, and specs looked up in it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, PositiveInt

from seqzoo.errors import PluginError, SpecError
from seqzoo.registry import BrokenPlugin, Origin, Registry
from seqzoo.spec import Part, PartSpec, Preset, SpecModel, slot

CORE = Origin("builtin", "seqzoo", "1.0")
OTHER = Origin("fancy", "seqzoo-fancy", "0.3")


class Spice(Part, family="spice"):
    """What a dish is spiced with."""

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec


class Salt(Spice):
    """Sodium chloride.

    The second paragraph is no summary.
    """

    name = "salt"

    class Spec(PartSpec):
        grains: PositiveInt = 7


class Dish(Part, family="dish"):
    """Something to eat."""


class Soup(Dish):
    """Hot and wet."""

    name = "soup"

    class Spec(PartSpec):
        spice: PartSpec = slot("spice", "salt")
        litres: float = Field(default=1.0, gt=0.0)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add(Salt, CORE)
    registry.add(Soup, CORE)
    registry.add(
        Preset(
            "broth",
            {"type": "soup", "spice": {"type": "salt", "grains": 3}},
            family="dish",
            doc="A clear soup.",
            options={"grains": "spice.grains"},
        ),
        OTHER,
    )
    return registry


def test_entries_are_sorted_and_know_their_origin(registry: Registry) -> None:
    rows = [(each.family, each.name, each.origin.plugin, each.doc) for each in registry]
    assert rows == [
        ("dish", "broth", "fancy", "A clear soup."),
        ("dish", "soup", "builtin", "Hot and wet."),
        ("spice", "salt", "builtin", "Sodium chloride."),
    ]
    assert registry.families() == ("dish", "spice")
    assert registry.names("dish") == ("broth", "soup")


def test_parts_and_presets_are_told_apart(registry: Registry) -> None:
    assert registry.part("dish", "soup") is Soup
    assert registry.part("dish", "broth") is None
    assert registry.preset("dish", "soup") is None
    assert registry.preset("spice", "broth") is None


def test_spec_of_a_name_a_mapping_and_a_preset(registry: Registry) -> None:
    salted = {"type": "soup", "spice": {"type": "salt", "grains": 7}, "litres": 1.0}
    assert registry.spec("dish", "soup").model_dump() == salted
    changed = registry.spec("dish", {"type": "broth", "grains": 9, "litres": 2})
    assert changed.model_dump()["spice"] == {"type": "salt", "grains": 9}
    assert registry.spec("dish", changed) is changed
    assert isinstance(registry.spec("spice", "salt").build(), Salt)


def test_spec_tells_every_problem(registry: Registry) -> None:
    with pytest.raises(SpecError) as failure:
        registry.spec("dish", {"type": "broth", "grains": 0, "liters": 2})
    assert [str(problem) for problem in failure.value.problems] == [
        "grains: expected a whole number greater than 0, got 0 (int)",
        "liters: unknown key 'liters' in dish 'broth'; did you mean 'litres'?",
    ]


def test_unknown_names_and_wrong_families(registry: Registry) -> None:
    with pytest.raises(SpecError, match=r"unknown dish 'sop'; did you mean 'soup'\?"):
        registry.spec("dish", "sop")
    with pytest.raises(SpecError, match="expected a dish here, got spice 'salt'"):
        registry.spec("dish", registry.spec("spice", "salt"))
    with pytest.raises(SpecError, match="a dish is a name, or a mapping with a 'type'"):
        registry.spec("dish", {"litres": 2})


def test_validate_looks_names_up(registry: Registry) -> None:
    class Menu(SpecModel):
        dish: PartSpec = slot("dish")

    assert registry.validate(Menu, {"dish": "soup"}).dish.part is Soup
    with pytest.raises(SpecError, match=r"^dish\.spice: unknown spice 'sugar'; known: salt$"):
        registry.validate(Menu, {"dish": {"type": "soup", "spice": "sugar"}})


def test_a_clash_names_both_distributions(registry: Registry) -> None:
    with pytest.raises(PluginError) as failure:
        registry.add(Preset("soup", {"type": "soup"}, family="dish"), OTHER)
    assert str(failure.value) == (
        "two parts named dish 'soup': one from seqzoo 1.0 (plugin 'builtin'), one from "
        "seqzoo-fancy 0.3 (plugin 'fancy'); uninstall one of the two, or have one part renamed"
    )


@pytest.mark.parametrize(
    ("target", "what"),
    [
        (Spice, "Spice has no name; give the class one"),
        (dict, "dict is not a part"),
        ("salt", "register takes a class or a Preset, not 'salt'"),
        (Preset("Fine Soup", {"type": "soup"}), "preset name 'Fine Soup' must be lower case words"),
    ],
)
def test_what_is_no_part_is_refused(registry: Registry, target: Any, what: str) -> None:
    with pytest.raises(PluginError, match=what):
        registry.add(target, OTHER)


def test_setting_aside_drops_what_the_plugin_registered(registry: Registry) -> None:
    registry.set_aside(BrokenPlugin(OTHER, "OSError: no soup", "..."))
    assert registry.names("dish") == ("soup",)
    with pytest.raises(SpecError) as failure:
        registry.spec("dish", "broth")
    assert str(failure.value) == (
        "unknown dish 'broth', and plugin 'fancy' (seqzoo-fancy 0.3) could not be loaded: "
        "OSError: no soup; known: soup; if it is that plugin's, repair or uninstall the plugin"
    )


def test_presets_that_name_each_other(registry: Registry) -> None:
    registry.add(Preset("hen", {"type": "egg"}, family="dish"), OTHER)
    registry.add(Preset("egg", {"type": "hen"}, family="dish"), OTHER)
    with pytest.raises(SpecError, match="presets that name each other: hen -> egg -> hen"):
        registry.spec("dish", "hen")
