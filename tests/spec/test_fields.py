"""Keys in words, as `seqzoo parts NAME` prints them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from seqzoo.spec import Part, PartSpec, SpecModel, since, slot
from seqzoo.spec.fields import fields_of
from seqzoo.spec.write import as_yaml


class Yarn(Part, family="yarn"):
    """What is knitted."""


class Wool(Yarn):
    """Warm."""

    name = "wool"

    class Spec(PartSpec):
        """ply: threads."""

        ply: int = 2


class Needle(SpecModel):
    """What one knits with.

    Attributes:
        size: in millimetres.
    """

    size: float = Field(default=4.0, gt=0, le=25)


class Sock(SpecModel):
    """A sock.

    Attributes:
        rows: of it,
            both sides.
        yarn: what of.
    """

    rows: PositiveInt
    yarn: PartSpec | None = slot("yarn", "wool")
    toe: Literal["round", "flat"] = "round"
    needle: Needle = Needle()
    ranges: tuple[float, float] = (0.5, 1.0)
    tags: list[str] = Field(default=[])
    loop: bool = since("0.2", False)


def test_every_key_has_its_type_default_and_line() -> None:
    rows = {
        field.path: (field.type, field.default, field.doc, field.family, field.since)
        for field in fields_of(Sock)
    }
    assert rows == {
        "rows": ("a whole number > 0", None, "of it, both sides.", "", ""),
        "yarn": ("a yarn or null", "wool", "what of.", "yarn", ""),
        "toe": ("round | flat", "round", "", "", ""),
        "needle": ("a mapping", "{size: 4.0}", "", "", ""),
        "needle.size": ("a number > 0 and <= 25", "4.0", "in millimetres.", "", ""),
        "ranges": ("a list of a number, a number", "[0.5, 1.0]", "", "", ""),
        "tags": ("a list, each text", "[]", "", "", ""),
        "loop": ("true or false", "false", "", "", "0.2"),
    }


def test_values_are_written_as_a_user_would() -> None:
    assert as_yaml(Wool.Spec()) == "{type: wool, ply: 2}"
    assert as_yaml({"type": "wool"}) == "wool"
    assert as_yaml([None, True, 1e-3, "a: b", "a-b_c"]) == '[null, true, 0.001, "a: b", a-b_c]'
    assert as_yaml(["15", "a.yaml", "none", "no"]) == '["15", a.yaml, none, "no"]'


def test_specs_that_hold_lists_and_mappings_hash_by_value() -> None:
    class Loose(SpecModel):
        numbers: list[float] = Field(default=[1.0])
        names: dict[str, list[int]] = Field(default={"a": [1]})

    assert hash(Loose()) == hash(Loose(numbers=[1.0]))
    assert hash(Loose(names={"b": [1]})) != hash(Loose())
    assert len(dict.fromkeys([Loose(), Loose(), Loose(numbers=[2.0])])) == 2
