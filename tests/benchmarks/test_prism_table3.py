"""Table 3's figures: the tables of docs/prism.md are those of the runs."""

from __future__ import annotations

import json
from pathlib import Path

import prism_table3
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "prism.md"


def test_the_page_holds_the_tables_of_the_file() -> None:
    tables = prism_table3.tables(json.loads(prism_table3.FILE.read_text()))
    page = PAGE.read_text(encoding="utf-8")
    for table in tables.split("\n\n"):
        assert table in page, "python benchmarks/prism_table3.py prints the tables"


def test_differences_are_paired_by_seed_and_rows_have_their_rates() -> None:
    def row(variant: str, seed: int, hit: float) -> dict[str, object]:
        metrics = dict.fromkeys(prism_table3.METRICS, 0.5)
        return {"variant": variant, "seed": seed, **metrics, "hr@200": hit}

    rows = [row("full", 1, 0.8), row("full", 0, 0.4)]
    for variant in ("depth-1", "linear", "no-anchor", "no-gain"):
        rows += [row(variant, 0, 0.3), row(variant, 1, 0.6)]
    rows.append({**row("other", 0, 0.4), "train.optimizer.lr": 1.6e-2})
    rows.append({**row("other", 1, 0.8), "train.optimizer.lr": 1.6e-2})
    head, _, full, depth, *_, other = prism_table3.table(rows, rates=True).splitlines()
    assert head.endswith("| rate |")
    assert full.startswith("| full | .600 ± .283 |  | .500 ± .000 |  |")
    assert depth.startswith("| depth-1 | .450 ± .212 | -.150 [-.200, -.100] | .500 ± .000 | .000 [")
    assert other.startswith("| other | .600 ± .283 | .000 [.000, .000] |")
    assert other.endswith("| 1.6e-2 |")


@pytest.mark.parametrize(("rate", "text"), [(2e-3, "2e-3"), (1.6e-2, "1.6e-2"), (0.1, "1e-1")])
def test_rates_are_written_as_in_a_spec(rate: float, text: str) -> None:
    assert prism_table3.written(rate) == text
