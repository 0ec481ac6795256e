"""The distribution loads as a plugin."""

import importlib.metadata

import seqzoo


def test_it_loads() -> None:
    points = [p for p in importlib.metadata.entry_points(group="seqzoo") if p.name == "psm"]
    registry = seqzoo.load_registry(points)
    assert points
    assert registry.broken == ()
