from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, field_validator

from seqzoo.errors import Problem
from seqzoo.spec import SpecModel
from seqzoo.spec.document import Document
from seqzoo.spec.explain import in_order, problems_of, shown


class Inner(SpecModel):
    target: float


class Edge(SpecModel):
    width: int = Field(examples=[2])
    style: dict[str, Any] = Field(examples=[{"color": "red", "dashes": [1, 2]}])


class Page(SpecModel):
    count: PositiveInt = 1
    seeds: PositiveInt | tuple[NonNegativeInt, ...] = 1
    rate: float = Field(default=0.5, gt=0, le=1)
    flag: bool = False
    name: str | None = None
    norm: Literal["layer_norm", "rms_norm"] = "rms_norm"
    inner: Inner | None = None
    edge: Edge | None = None
    pairs: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    notes: dict[str, str] | None = Field(default=None, min_length=1)
    device: str = Field(default="cpu", pattern="^(cpu|cuda)$")
    even: int = Field(default=2, multiple_of=2)

    @field_validator("name")
    @classmethod
    def _no_shouting(cls, name: str | None) -> str | None:
        if name and name.isupper():
            raise ValueError("a name does not shout; write it in lower case")
        return name


def words(**data: Any) -> list[str]:
    with pytest.raises(ValidationError) as failure:
        Page.model_validate(data)
    return [str(problem) for problem in problems_of(failure.value, Document.of(data))]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"count": -3}, "count: expected a whole number greater than 0, got -3 (int)"),
        ({"count": "3"}, "count: expected a whole number, got '3' (text); remove the quotes"),
        ({"count": 2.0}, "count: expected a whole number, got 2.0 (float); write 2"),
        ({"count": 2.5}, "count: expected a whole number, got 2.5 (float)"),
        ({"count": True}, "count: expected a whole number, got true (boolean)"),
        ({"count": None}, "count: expected a whole number, got null"),
        ({"rate": 0}, "rate: expected a number greater than 0, got 0 (int)"),
        ({"rate": 1.5}, "rate: expected a number of at most 1, got 1.5 (float)"),
        ({"rate": "none"}, "rate: expected a number, got 'none' (text); write null for nothing"),
        ({"rate": float("nan")}, "rate: expected a finite number, got nan (float)"),
        ({"flag": "off"}, "flag: expected true or false, got 'off' (text); write false"),
        ({"flag": 1}, "flag: expected true or false, got 1 (int)"),
        ({"name": 5}, "name: expected text, got 5 (int); put it in quotes"),
        ({"name": "LOUD"}, "name: a name does not shout; write it in lower case"),
        (
            {"norm": "layernorm"},
            "norm: expected 'layer_norm' or 'rms_norm', got 'layernorm' (text); did you mean "
            "'layer_norm'?",
        ),
        ({"inner": 0.9}, "inner: expected a mapping (keys: target), got 0.9 (float)"),
        ({"notes": {}}, "notes: expected a mapping of at least 1, got an empty mapping"),
        ({"inner": {}}, "inner.target: the key 'target' is missing"),
        (
            {"edge": {"style": {}}},
            "edge.width: the key 'width' is missing; write for example width: 2",
        ),
        (
            {"edge": {"width": 1}},
            "edge.style: the key 'style' is missing; write for example style: {color: red, dashes: "
            "[1, 2]}",
        ),
        ({"pairs": []}, "pairs: expected a mapping, got a list of 0"),
        ({"pairs": {"a": [1, "x"]}}, "pairs.a.1: expected a whole number, got 'x' (text)"),
        ({"seeds": -1}, "seeds: expected a whole number greater than 0 or a list, got -1 (int)"),
        ({"seeds": [0, -1]}, "seeds.1: expected a whole number of at least 0, got -1 (int)"),
        ({"device": "gpu"}, "device: expected text of the form ^(cpu|cuda)$, got 'gpu' (text)"),
        ({"even": 3}, "even: expected a whole number that is a multiple of 2, got 3 (int)"),
        ({"cuont": 3}, "cuont: unknown key 'cuont' in 'page'; did you mean 'count'?"),
        (
            {"inner.target": 3},
            "inner.target: unknown key 'inner.target' in 'page'; dotted paths are for grids; write "
            "inner: {target: ...}",
        ),
    ],
)
def test_words(data: dict[str, Any], message: str) -> None:
    assert words(**data) == [message]


def test_a_misspelt_key_is_not_also_missing() -> None:
    assert words(inner={"taget": 1.0}) == [
        "inner.taget: unknown key 'taget' in 'inner'; did you mean 'target'?"
    ]


def test_long_values_are_shortened() -> None:
    assert shown("x" * 100) == repr("x" * 37 + "...") + " (text)"
    assert shown("a\nb") == r"'a\nb' (text)"


def test_problems_are_ordered_by_line_as_a_number_and_told_once() -> None:
    problems = [Problem(f"a.yaml:{line}:1", "", "x") for line in (10, 9, 10)]
    assert [problem.where for problem in in_order(problems)] == ["a.yaml:9:1", "a.yaml:10:1"]
