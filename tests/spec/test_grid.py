from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec


def test_pairs_written_as_one_mapping_are_a_list_of_one() -> None:
    grid = GridSpec.model_validate({"base": {}, "paired": {"a": [1, 2]}})
    assert grid.paired == ({"a": (1, 2)},)
    assert GridSpec.model_validate({"base": {}, "paired": [{"a": [1]}, {"b": [2]}]}).paired == (
        {"a": (1,)},
        {"b": (2,)},
    )


@pytest.mark.parametrize(("seeds", "listed"), [(3, (0, 1, 2)), ([4, 2], (4, 2)), (None, (9,))])
def test_seeds(seeds: Any, listed: tuple[int, ...]) -> None:
    assert GridSpec.model_validate({"base": {}, "seeds": seeds}).seed_list(9) == listed


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"base": "run.yaml"},  # only load() reads files
        {"base": {}, "seeds": 0},
        {"base": {}, "seeds": []},
        {"base": {}, "seeds": True},
        {"base": {}, "axes": {"a": []}},
        {"base": {}, "axes": {"a": 1}},
        {"base": {}, "variants": {"a": None}},
        {"base": {}, "variant": {}},
    ],
)
def test_what_is_no_grid(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GridSpec.model_validate(data)


def test_a_grid_keeps_the_document_it_was_read_from() -> None:
    document = parse_document("base: {}\nseeds: 2\n", "g.yaml")
    grid = document.validate(GridSpec).written_in(document)
    assert grid.document is document
    assert GridSpec(base={}).document.data == {"base": {}}
