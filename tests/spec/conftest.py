"""A kitchen of toy parts: what specs mean does not depend on sequence layers."""

from __future__ import annotations

import pytest
from pydantic import Field, PositiveInt

from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part, PartSpec, Preset, slot


class Spice(Part, family="spice"):
    """What a dish is spiced with."""


class Salt(Spice):
    """Sodium chloride."""

    name = "salt"

    class Spec(PartSpec):
        """How much of it.

        grains: number of them,
            counted by hand.
        """

        grains: PositiveInt = 7


class Pepper(Spice):
    """Black and ground."""

    name = "pepper"

    class Spec(PartSpec):
        heat: float


class Dish(Part, family="dish"):
    """Something to eat."""


class Soup(Dish):
    """Hot and wet."""

    name = "soup"

    class Spec(PartSpec):
        spice: PartSpec = slot("spice", "salt")
        side: PartSpec | None = slot("dish", None, default_type="soup")
        litres: float = Field(default=1.0, gt=0.0)
        range: tuple[float, float] = (0.0, 1.0)


@pytest.fixture(scope="session")
def kitchen() -> Registry:
    origin = Origin("kitchen", "seqzoo-kitchen", "1.0")
    registry = Registry()
    for part in (Salt, Pepper, Soup):
        registry.add(part, origin)
    broth = {"type": "soup", "spice": {"type": "pepper", "heat": 0.5}}
    registry.add(
        Preset("broth", broth, "dish", "A clear soup.", {"heat": "spice.heat"}),
        origin,
    )
    registry.add(
        Preset("hot-broth", {"type": "broth", "heat": 0.9}, "dish", "Too hot.", {"burn": "heat"}),
        origin,
    )
    return registry
