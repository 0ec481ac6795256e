from __future__ import annotations

import copy

import pytest

from seqzoo.spec.delta import placed, split_path

BASE = {"model": {"mixer": "prism", "layers": [{"mixer": "a"}, {"mixer": "b"}]}, "seed": 0}


def put(path: str, value: object) -> object:
    before = copy.deepcopy(BASE)
    data, _ = placed(BASE, split_path(path), value)
    assert before == BASE, "the old data must stay as they are"
    return data


def test_a_value_is_replaced_and_only_the_way_to_it_copied() -> None:
    data, created = placed(BASE, ("seed",), 3)
    assert data == {**BASE, "seed": 3}
    assert data["model"] is BASE["model"]
    assert created == ("seed",)


def test_a_name_on_the_way_becomes_the_mapping_it_is_short_for() -> None:
    data, created = placed(BASE, ("model", "mixer", "depth"), 2)
    assert data["model"]["mixer"] == {"type": "prism", "depth": 2}
    assert created == ("model", "mixer", "depth")


def test_list_items_are_numbered_from_0() -> None:
    data, _ = placed(BASE, split_path("model.layers.1.mixer"), "c")
    assert data["model"]["layers"] == [{"mixer": "a"}, {"mixer": "c"}]


def test_what_is_not_there_is_made() -> None:
    data, created = placed(BASE, split_path("train.stop.target"), 0.9)
    assert data["train"] == {"stop": {"target": 0.9}}
    assert created == ("train",)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("seed.x", "seed is 0, which has no 'x'"),
        ("model.layers.2.mixer", "model.layers has no item 2: it has 2, from 0"),
        ("model.layers.last", "model.layers is a list; give a number, not 'last'"),
        ("model..x", "not a path"),
        ("", "not a path"),
        ("a. .b", "not a path"),
    ],
)
def test_ways_that_lead_nowhere(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        put(path, 1)
