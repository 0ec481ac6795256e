from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqzoo.grid.distinct_labels import Labels, value_key


def names(*values: Any) -> list[str]:
    labels = Labels({"task": value} for value in values)
    return [labels.value("task", value) for value in values]


def mqar(pairs: int) -> dict[str, Any]:
    return {"type": "mqar", "length": 64, "vocab_size": 1024, "num_pairs": pairs}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((mqar(4), mqar(8)), ["mqar num_pairs=4", "mqar num_pairs=8"]),
        ((mqar(4), {"type": "parity", "length": 64}), ["mqar", "parity"]),
        (
            (mqar(4), mqar(8), {"type": "parity"}),
            ["mqar num_pairs=4", "mqar num_pairs=8", "parity"],
        ),
        (("prism", {"type": "prism", "depth": 2}), ["prism", "prism depth=2"]),
        (({"clip": 1.0}, {"clip": 2.0}), ["clip=1", "clip=2"]),
        ((1, 2.5, None, True), ["1", "2.5", "null", "true"]),
        ((1, "1"), ["1", '"1"']),
        ((0.001, 0.0010000001), ["0.001", "0.0010000001"]),
        (
            ({"type": "a", "lr": 1e-3}, {"type": "a", "lr": 0.0010000001}),
            ["a lr=0.001", "a lr=0.0010000001"],
        ),
        (("x" * 50 + "a", "x" * 50 + "b"), ["..." + "x" * 36 + "a", "..." + "x" * 36 + "b"]),
        (("x" * 50, "b"), ["x" * 37 + "...", "b"]),
        (
            ("x" * 50 + "a" + "y" * 50, "x" * 50 + "b" + "y" * 50),
            ["x" * 50 + "a" + "y" * 50, "x" * 50 + "b" + "y" * 50],
        ),
        (
            (
                {"type": "r", "anchor": "identity"},
                {"type": "r", "anchor": {"type": "conv", "k": 4}},
            ),
            ["r anchor=identity", "r anchor=conv anchor.k=4"],
        ),
    ],
)
def test_values_are_named_by_what_tells_them_apart(values: Any, expected: list[str]) -> None:
    assert names(*values) == expected


relaxed = settings(  # a busy machine fails no test
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@relaxed
@given(st.lists(VALUES, max_size=6))
def test_unlike_values_never_share_a_name(values: list[Any]) -> None:
    keys = [value_key(value) for value in values]
    assert [json.loads(key) for key in keys] == values
    texts = dict(zip(keys, names(*values), strict=True))
    assert len(set(texts.values())) == len(set(keys))


def test_points_and_runs_in_words() -> None:
    points = [
        {"task": mqar(pairs), "model.mixer.depth": depth} for pairs in (4, 8) for depth in (1, 2)
    ]
    labels = Labels(points)
    assert labels.point(points[1]) == "mqar num_pairs=4 depth=2"
    assert labels.run("thin", points[2], 3) == "thin, mqar num_pairs=8 depth=1, seed 3"
    assert labels.run("", {}, 0) == "seed 0"
