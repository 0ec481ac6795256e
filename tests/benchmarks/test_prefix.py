"""The benchmark of prefix-scannable models, at sizes of a second: figures as JSON, and a figure."""

from __future__ import annotations

import json
from pathlib import Path

import prefix
import pytest
import torch


def test_it_measures_decoding_and_training_and_draws_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("attention", "transformer_psm")
    monkeypatch.setattr(prefix, "MIXERS", {name: prefix.MIXERS[name] for name in names})
    monkeypatch.setattr(prefix, "DECODE_CONTEXTS", (16, 48))
    monkeypatch.setattr(prefix, "TRAIN_LENGTHS", (16, 32))
    monkeypatch.setattr(prefix, "STEPS", 3)
    threads = torch.get_num_threads()
    file, figure = tmp_path / "prefix.json", tmp_path / "decode.svg"
    arguments = ["--parts", "decode", "train", "--rounds", "1", "--threads", "1"]
    try:
        prefix.main([*arguments, "--json", str(file), "--figure", str(figure)])
    finally:
        torch.set_num_threads(threads)
    found = json.loads(file.read_text())
    assert [row["mixer"] for row in found["train"]] == [name for name in names for _ in range(2)]
    sizes = {(row["mixer"], row["context"]): row["bytes"] for row in found["decode"]}
    assert sizes["attention", 48] - sizes["attention", 16] == 32 * 2 * prefix.WIDTH * 4
    level = 2 * 16 * prefix.WIDTH * 4  # a tree and a fold of 16 rows
    assert sizes["transformer_psm", 48] - sizes["transformer_psm", 16] == level
    assert all(row["longest_ms"] >= row["median_ms"] > 0 for row in found["decode"])
    assert figure.read_text().count("transformer_psm") >= 1
