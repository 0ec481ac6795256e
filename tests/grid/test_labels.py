from seqzoo.grid.labels import (
    axis_label,
    axis_labels,
    point_label,
    run_label,
    tried_label,
    value_label,
)


def test_values_read_as_they_are_written():
    assert value_label(None) == "null"
    assert value_label(True) == "true"
    assert value_label(0.0001) == "0.0001"
    assert value_label([1, "a"]) == "[1, a]"
    assert value_label({"type": "parity", "length": 64}) == "parity length=64"
    assert value_label("x" * 50) == "x" * 37 + "..."


def test_an_axis_is_called_by_its_last_word_that_says_something():
    assert axis_label("model.mixer.depth") == "depth"
    assert axis_label("task.type") == "task"
    assert axis_label("type") == "type"


def test_axes_with_one_last_word_are_told_apart_by_the_words_before_it():
    assert axis_labels(["a.b.heads", "a.c.heads", "x.heads", "x.width"]) == {
        "a.b.heads": "b.heads",
        "a.c.heads": "c.heads",
        "x.heads": "x.heads",
        "x.width": "width",
    }
    assert axis_labels(["task", "task.type", "width"]) == {
        "task": "task",
        "task.type": "task.type",
        "width": "width",
    }
    assert axis_labels(["heads", "a.heads"]) == {"heads": "heads", "a.heads": "a.heads"}


def test_a_point_names_all_but_its_task():
    assert point_label({"task": "parity", "model.width": 16}) == "parity width=16"
    assert point_label({}) == ""
    assert point_label({"a.heads": 2, "b.heads": 4}) == "a.heads=2 b.heads=4"
    assert tried_label({"a.heads": 2, "width": 0.123456}) == "heads=2 width=0.1235"
    assert run_label("", {}, 3) == "seed 3"
    assert run_label("linear", {"task.type": "text"}, 0) == "linear, text, seed 0"
