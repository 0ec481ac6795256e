"""The language-model mixers: runs of a grid become rows, rows the table of docs/prism.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import prism_lm
import pytest

ROOT = Path(__file__).parents[2]


def row(**changed: Any) -> dict[str, Any]:
    fixed = {"text": "a play", "variant": "r2", "seed": 0, "steps": 300, "width": 71}
    return {**fixed, "parameters": 198_865, "bits_per_character": 3.0371, **changed}


def test_the_page_holds_the_table_of_the_file() -> None:
    rows = json.loads(prism_lm.FILE.read_text())["runs"]
    page = (ROOT / "docs" / "prism.md").read_text(encoding="utf-8")
    assert prism_lm.table(rows) in page, "python benchmarks/prism_lm.py prints the table"


def test_a_later_run_replaces_the_one_before_and_texts_stand_beside_each_other() -> None:
    old = [row(), row(variant="prism", width=64), row(text="a wiki", steps=1500, parameters=9)]
    rows = prism_lm.merged(old, [row(bits_per_character=2.5), row(seed=1)])
    assert [(each["text"], each["variant"], each["seed"]) for each in rows] == [
        ("a play", "r2", 0),
        ("a play", "r2", 1),
        ("a play", "prism", 0),
        ("a wiki", "r2", 0),
    ]
    head, _, r2, prism = prism_lm.table(rows).splitlines()
    assert head == (
        "| mixer | width | a play, 300 steps | parameters | a wiki, 1,500 steps | parameters |"
    )
    assert r2 == "| `prism-lm-r2` | 71 | 2.500; 3.037 | 198,865 | 3.037 | 9 |"
    assert prism == "| `prism` | 64 | 3.037 | 198,865 | not run |  |"


def test_finished_runs_of_a_grid_are_added(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run_example: Callable[[str, Path, Sequence[str]], None],
) -> None:
    grid, file, text = tmp_path / "runs", tmp_path / "lm.json", tmp_path / "input.txt"
    text.write_text("to be or not to be, that is the question\n" * 50, encoding="utf-8")
    changes = (
        f"base.task.path={text}",
        "variants={r3: {model.mixer: {type: prism-lm-r3, gain_rank: 4, key_rank: 4}}}",
        "seeds=1",
        "base.model.width=8",
        "base.task.length=8",
        "base.train.steps=2",
        "base.train.schedule.warmup=1",
        "base.train.evaluate.every=2",
    )
    run_example("prism_lm_small.yaml", grid, changes)
    with pytest.raises(SystemExit):
        prism_lm.main([str(grid), "--json", str(file)])
    assert "need --text" in capsys.readouterr().err
    prism_lm.main([str(grid), "--json", str(file), "--text", "a play"])
    (found,) = json.loads(file.read_text())["runs"]
    assert (found["text"], found["variant"], found["seed"]) == ("a play", "r3", 0)
    assert (found["width"], found["steps"]) == (8, 2)
    assert f"| `prism-lm-r3` | 8 | {found['bits_per_character']:.3f} |" in capsys.readouterr().out
