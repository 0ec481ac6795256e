from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import pytest
from pydantic import PositiveInt, ValidationError
from pydantic_core import PydanticCustomError

from seqzoo.registry import Registry
from seqzoo.spec import Part, PartSpec, SpecModel
from seqzoo.spec.explain import problems_of


class Tool(Part, family="tool"):
    """Something useful."""


def test_a_part_needs_a_family_a_name_and_a_spec() -> None:
    with pytest.raises(TypeError, match="derives from no family"):
        type("Loose", (Part,), {"name": "loose"})
    with pytest.raises(TypeError, match="must be lower case words"):
        type("Bad", (Tool,), {"name": "Bad Name"})
    with pytest.raises(TypeError, match=r"must derive from seqzoo\.spec\.PartSpec"):
        type("Bad", (Tool,), {"name": "bad", "Spec": dict})
    typed = type("Spec", (PartSpec,), {"__annotations__": {"type": str}, "__module__": __name__})
    with pytest.raises(TypeError, match="'type' is the part's name in YAML"):
        type("Bad", (Tool,), {"name": "bad", "Spec": typed})


class Pump(Part, family="pump"):
    """Moves water; no class made by ABCMeta, as no torch module is."""

    @abstractmethod
    def pump_water(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...


class HandPump(Pump):
    """A step between family and part, which may leave methods to the part."""

    def stop(self) -> None: ...


def test_a_part_implements_its_family_when_its_class_is_defined() -> None:
    def method(self: Any) -> None: ...

    with pytest.raises(TypeError, match=r"part .*\.Wet: lacks .*: pump_water, stop$"):
        type("Wet", (Pump,), {"name": "wet", "__module__": __name__})
    with pytest.raises(TypeError, match=r": pump_water \(rename pumpwater\?\)$"):
        type("Wet", (HandPump,), {"name": "wet", "pumpwater": method, "other": method})
    assert type("Wet", (HandPump,), {"name": "wet", "pump_water": method}).name == "wet"


class Gauge(Part, family="gauge"):
    """Has to say in what it measures."""

    unit: ClassVar[str]
    scale: ClassVar[float] = 1.0


def test_class_attributes_without_a_value_are_asked_for() -> None:
    with pytest.raises(TypeError, match=r"part .*\.Bare: lacks .*: unit$"):
        type("Bare", (Gauge,), {"name": "bare", "__module__": __name__})
    with pytest.raises(TypeError, match=r": unit \(rename units\?\)$"):
        type("Bare", (Gauge,), {"name": "bare", "units": "bar"})
    assert type("Whole", (Gauge,), {"name": "whole", "unit": "bar"}).name == "whole"


def test_a_part_without_a_spec_gets_an_empty_one_of_its_own() -> None:
    class Hammer(Tool):
        """Hits."""

        name = "hammer"

    class Saw(Tool):
        """Cuts."""

        name = "saw"

    assert Hammer.Spec.part is Hammer
    assert Saw.Spec.part is Saw
    assert Hammer.Spec().model_dump() == {"type": "hammer"}
    assert Saw.summary() == "Cuts."


def test_specs_are_frozen_strict_and_closed() -> None:
    class Nail(Tool):
        """Holds."""

        name = "nail"

        class Spec(PartSpec):
            length: PositiveInt = 3
            sizes: tuple[int, ...] = ()

    spec = Nail.Spec(length=4)
    with pytest.raises(ValidationError):
        setattr(spec, "length", 5)  # noqa: B010 - the checker knows that it is frozen
    for wrong in ({"length": "4"}, {"length": 4.0}, {"length": True}, {"lenght": 4}):
        with pytest.raises(ValidationError):
            Nail.Spec.model_validate(wrong)
    assert Nail.Spec.model_validate({"sizes": [1, 2]}).sizes == (1, 2)
    with pytest.raises(ValidationError):
        Nail.Spec.model_validate({"sizes": ["1"]})
    assert Nail.Spec.model_validate({"type": "nail", "length": 2}).length == 2
    with pytest.raises(ValidationError, match="type 'hammer' given to the spec of 'nail'"):
        Nail.Spec.model_validate({"type": "hammer"})


def test_a_spec_goes_round_through_plain_data(kitchen: Registry) -> None:
    spec = kitchen.spec("dish", {"type": "broth", "side": {"litres": 2.0}})
    again = kitchen.spec("dish", spec.model_dump(mode="json"))
    assert again == spec


def test_a_parts_own_errors_keep_their_words_through_slots() -> None:
    class Glue(SpecModel):
        dries: int = 1

        @classmethod
        def title(cls) -> str:
            return "glue {of all kinds}"

    class Page(SpecModel):
        glue: Glue

    with pytest.raises(ValidationError) as failure:
        Page.model_validate({"glue": {"dry": 1}})
    (problem,) = problems_of(failure.value)
    assert problem.what == "unknown key 'dry' in glue {of all kinds}"


def test_custom_kinds_of_error_survive() -> None:
    from pydantic import model_validator

    class Glue(SpecModel):
        dries: int = 1

        @model_validator(mode="after")
        def _never(self) -> Any:
            raise PydanticCustomError(
                "too_sticky", "it sticks {how}", {"how": "a lot", "hint": "wash"}
            )

    class Page(SpecModel):
        glue: Glue

    with pytest.raises(ValidationError) as failure:
        Page.model_validate({"glue": {}})
    assert [str(each) for each in problems_of(failure.value)] == ["glue: it sticks a lot; wash"]
