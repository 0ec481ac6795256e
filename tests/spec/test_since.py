"""Fields added later: what there was before keeps its data and its id."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import Field

from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part, PartSpec, SpecModel, since, slot
from seqzoo.spec.since import is_default, younger


class Wheel(Part, family="wheel"):
    """What a cart runs on."""


class Spoked(Wheel):
    """Light."""

    name = "spoked"

    class Spec(PartSpec):
        spokes: int = 12
        rim: float = since("0.2", 0.5)


class Solid(Wheel):
    """Heavy."""

    name = "solid"


class Brake(SpecModel):
    force: float = 1.0
    pads: tuple[int, ...] = (1, 2)


class Cart(SpecModel):
    front: PartSpec = slot("wheel", "spoked")
    back: PartSpec = since("0.3", slot("wheel", {"type": "spoked", "spokes": 9}))
    spare: PartSpec | None = since("0.3", slot("wheel", None))
    load: int = since("1.0", Field(default=3, ge=1))
    brake: Brake = since("1.0", cast("Any", {"force": 2.0}))
    all: tuple[PartSpec, ...] = since("1.0", slot("wheel", ("solid",)))


OLD = {"front": {"type": "spoked", "spokes": 12}}


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = Registry()
    for part in (Spoked, Solid):
        registry.add(part, Origin("carts", "seqzoo-carts", "1.0"))
    return registry


def test_what_does_not_use_the_fields_dumps_as_before(registry: Registry) -> None:
    cart = registry.validate(Cart, {})
    assert cart.model_dump(mode="json") == OLD
    assert registry.validate(Cart, OLD) == cart
    written_out: dict[str, Any] = {
        "back": {"type": "spoked", "spokes": 9, "rim": 0.5},
        "spare": None,
        "load": 3,
        "brake": {"force": 2.0, "pads": [1, 2]},
        "all": ["solid"],
    }
    assert registry.validate(Cart, written_out).model_dump(mode="json") == OLD
    assert cart.model_dump(mode="json", context={"complete": True}) == {
        "front": {"type": "spoked", "spokes": 12, "rim": 0.5},
        **written_out,
        "all": [{"type": "solid"}],
    }


@pytest.mark.parametrize(
    ("change", "dumped"),
    [
        ({"load": 4}, {"load": 4}),
        ({"back": "spoked"}, {"back": {"type": "spoked", "spokes": 12}}),
        ({"back": "solid"}, {"back": {"type": "solid"}}),
        (
            {"back": {"type": "spoked", "spokes": 9, "rim": 0.6}},
            {"back": {"type": "spoked", "spokes": 9, "rim": 0.6}},
        ),
        ({"spare": "solid"}, {"spare": {"type": "solid"}}),
        ({"brake": {}}, {"brake": {"force": 1.0, "pads": [1, 2]}}),
        ({"brake": {"force": 2.0, "pads": [1]}}, {"brake": {"force": 2.0, "pads": [1]}}),
        ({"all": []}, {"all": []}),
        (
            {"front": {"type": "spoked", "rim": 1.0}},
            {"front": {"type": "spoked", "spokes": 12, "rim": 1.0}},
        ),
    ],
)
def test_what_uses_one_says_so_and_reads_back(
    registry: Registry, change: dict[str, Any], dumped: dict[str, Any]
) -> None:
    cart = registry.validate(Cart, change)
    assert cart.model_dump(mode="json") == {**OLD, **dumped}
    assert registry.validate(Cart, {**OLD, **dumped}) == cart


def test_a_field_added_later_has_a_version_and_a_default() -> None:
    assert younger(Spoked.Spec) == Spoked.Spec.added_later == {"rim": "0.2"}
    assert younger(Wheel.Spec) == {}
    with pytest.raises(TypeError, match=r"write a version such as since\('0.2', ...\)"):
        since("two", 1)
    with pytest.raises(TypeError, match="a field added later needs a default"):
        since("0.2", slot("wheel"))


def test_a_default_is_its_value_and_nothing_near_it() -> None:
    assert is_default((1, 2), [1, 2])
    assert not is_default((1, 2), [1])
    assert not is_default(None, "spoked")
    assert not is_default(Solid.Spec(), "spoked")
    assert not is_default("spoked", None)
