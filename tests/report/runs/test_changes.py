from seqzoo.report import Change, changes


def test_specs_differ_by_path_in_the_firsts_order():
    first = {"model": {"width": 16, "mixer": {"type": "a", "depth": 2}}, "seed": 0}
    second = {"seed": 0, "model": {"width": 32, "mixer": {"type": "b", "heads": 4}}}
    assert changes(first, second) == [
        Change("model.width", "changed", 16, 32),
        Change("model.mixer.type", "changed", "a", "b"),
        Change("model.mixer.depth", "removed", 2, None),
        Change("model.mixer.heads", "added", None, 4),
    ]
    assert changes(first, first) == []


def test_lists_of_parts_are_entered_and_lists_of_numbers_are_not():
    first = {"layers": [{"repeat": 1}, {"repeat": 2}], "betas": [0.9, 0.99], "extra": {}}
    second = {"layers": [{"repeat": 1}, {"repeat": 3}], "betas": [0.9, 0.95], "extra": None}
    assert changes(first, second) == [
        Change("layers.1.repeat", "changed", 2, 3),
        Change("betas", "changed", [0.9, 0.99], [0.9, 0.95]),
        Change("extra", "changed", {}, None),
    ]


def test_a_value_in_place_of_a_part_is_told_by_its_leaves():
    first, second = {"stop": None}, {"stop": {"target": 0.9}}
    assert changes(first, second) == [
        Change("stop", "removed", None, None),
        Change("stop.target", "added", None, 0.9),
    ]
    assert changes(second, first) == [
        Change("stop.target", "removed", 0.9, None),
        Change("stop", "added", None, None),
    ]
    assert changes({}, {"a": {"b": 1}}) == [Change("a.b", "added", None, 1)]
