"""Two checkouts against each other: here one against itself, in cases of milliseconds."""

from __future__ import annotations

import json
from pathlib import Path

import checkouts
import pytest

ROOT = Path(__file__).parents[2]
CASE = "rank 2, 8 x 256 x 4 x 32"


def test_a_checkout_against_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    words = [str(ROOT), str(ROOT), "--cases", CASE, "--pairs", "2", "--rounds", "1"]
    checkouts.main([*words, "--threads", "1", "--json", str(file)])
    found = json.loads(file.read_text())
    (row,) = found["rows"]
    assert row["case"] == CASE
    assert row["first_ms"] > 0
    assert row["second_ms"] > 0
    assert len(row["pairs"]) == 2
    assert row["pairs"][0] <= row["ratio"] <= row["pairs"][1]
    assert found["checkouts"][0] == found["checkouts"][1] is not None
    assert "second / first" in capsys.readouterr().out


def test_a_folder_without_seqzoo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="do not run with this checkout"):
        checkouts.Worker(tmp_path, ["no such case"], 1)


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    turns = [[(1.0, 2.0), (1.0, 4.0)], [(2.0, 2.0)], [(1.0, 0.5)]]
    row = checkouts._row("x", turns)
    assert row["pairs"] == [0.5, 1.0, 3.0]
    assert (row["ratio"], row["first_ms"], row["second_ms"]) == (1.0, 1000.0, 2000.0)
