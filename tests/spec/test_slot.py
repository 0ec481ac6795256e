"""Slots: fields that hold a part, in each form that `slot` gives them."""

from __future__ import annotations

from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part, PartSpec, SpecModel, slot


class Wood(Part, family="wood"):
    """What a tool is made of."""


class Oak(Wood):
    """Hard."""

    name = "oak"

    class Spec(PartSpec):
        rings: int = 40


class Pine(Wood):
    """Soft."""

    name = "pine"


class Shelf(SpecModel):
    board: PartSpec = slot("wood")
    side: PartSpec = slot("wood", {"type": "oak", "rings": 2})
    back: PartSpec | None = slot("wood", None, default_type="oak")
    rest: tuple[PartSpec, ...] = slot("wood", ("pine", {"type": "oak", "rings": 3}))
    frame: Oak.Spec = slot("wood", "oak")


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    for part in (Oak, Pine):
        registry.add(part, Origin("woods", "seqzoo-woods", "1.0"))
    return registry


def test_every_form_of_slot_fills_its_default_and_is_saved_whole(registry: Registry) -> None:
    shelf = registry.validate(Shelf, {"board": "pine"})
    assert isinstance(shelf.board, Pine.Spec)
    assert shelf.frame.rings == 40
    assert shelf.model_dump(mode="json") == {
        "board": {"type": "pine"},
        "side": {"type": "oak", "rings": 2},
        "back": None,
        "rest": [{"type": "pine"}, {"type": "oak", "rings": 3}],
        "frame": {"type": "oak", "rings": 40},
    }
    again = registry.validate(Shelf, {"board": "pine", "back": {"rings": 7}, "rest": ["oak"]})
    assert again.back == Oak.Spec(rings=7)
    assert again.rest == (Oak.Spec(),)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "board: the key 'board' is missing"),
        (
            {"board": None},
            "board: a wood is a name, or a mapping with a 'type'; known: oak, pine",
        ),
        ({"board": {"type": 3}}, "board.type: the type of a wood is a name; known: oak, pine"),
        ({"board": {}}, "board: a wood is a name, or a mapping with a 'type'; known: oak, pine"),
        ({"board": "ook"}, "board: unknown wood 'ook'; did you mean 'oak'?"),
        (
            {"board": "oak", "rest": ["pine", {"type": "oak", "ring": 1}]},
            "rest.1.ring: unknown key 'ring' in wood 'oak'; did you mean 'rings'?",
        ),
        ({"board": "oak", "frame": "pine"}, "frame: expected wood 'oak' here, got wood 'pine'"),
        (
            {"board": "oak", "back": {"rings": "x"}},
            "back.rings: expected a whole number, got 'x' (text)",
        ),
    ],
)
def test_problems_are_at_the_place_in_every_form(
    registry: Registry, written: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError) as failure:
        registry.validate(Shelf, written)
    assert str(failure.value) == says


def test_a_slot_is_annotated_as_a_part() -> None:
    with pytest.raises(TypeError, match=r"slot\('wood'\) is .* <class 'int'"):

        class Wrong(SpecModel):
            board: int = slot("wood", "oak")
