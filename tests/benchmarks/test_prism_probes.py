"""Findings of the probes become the table of docs/prism.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import prism_probes
import pytest

import seqzoo
from seqzoo.probe import keep_findings, measure

PAGE = Path(__file__).parents[2] / "docs" / "prism.md"


def test_the_page_holds_the_table_of_the_file() -> None:
    table = prism_probes.table(json.loads(prism_probes.FILE.read_text())["runs"])
    page = PAGE.read_text(encoding="utf-8")
    assert table in page, "python benchmarks/prism_probes.py prints the table"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([0.98, 0.99, 0.9], "t^0.98 (0.99)"), ([0.2, 0.5, 0.91], "ln t (0.91)")],
)
def test_the_law_that_explains_more_is_named(numbers: list[float], text: str) -> None:
    assert prism_probes.law(numbers) == text


def test_probed_runs_have_a_row_for_each_layer(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    run_example: Callable[[str, Path, Sequence[str]], None],
) -> None:
    grid, file = tmp_path / "runs", tmp_path / "probes.json"
    changes = (
        "axes={model.mixer.anchor.kernel_size: [3]}",
        "seeds=2",
        "base.model.width=8",
        "base.train.steps=2",
        "base.train.evaluate.every=2",
        "base.task.length=70",
    )
    run_example("prism_probes.yaml", grid, changes)
    first, _ = sorted((grid / "runs").iterdir())
    keep_findings(measure(first, seqzoo.load_registry(), sequences=2), first)
    prism_probes.main([str(grid), "--json", str(file)])
    rows = json.loads(file.read_text())["runs"]
    assert [(row["kernel"], row["layer"]) for row in rows] == [(3, 0), (3, 1)], "one was probed"
    for row in rows:
        assert row["anchor_early"] > 0
        assert row["anchor_late"] > 0
        assert -1 <= row["solver"] <= 1
        assert 0 <= row["modulus"][0] <= row["modulus"][1] <= 1
        assert len(row["of_A"]) == len(row["of_B"]) == 3
    assert capsys.readouterr().out.count("\n| 3 | ") == 2
