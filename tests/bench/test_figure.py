"""The figure of what mixers cost."""

from __future__ import annotations

import re
from pathlib import Path

from seqzoo.bench.figure import draw
from seqzoo.bench.measure import Row


def row(length: int, speed: float) -> Row:
    return {"phase": "training", "mixer": "a", "length": length, "ms": 1.0, "tokens_per_s": speed}


def test_speeds_are_labelled_as_plain_counts(tmp_path: Path) -> None:
    picture = tmp_path / "bench.svg"
    draw([row(256, 240e3), row(512, 45e3)], picture)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text())
    assert "100k" in texts  # a power of ten
    assert "200k" in texts  # between two
    assert not [text for text in texts if "$" in text]
