"""Two real processes tune one directory: tests/grid/tuning_process.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from seqzoo.grid.plan.plan import read_plan
from seqzoo.report import make_report


def test_two_processes_tuning_one_directory_share_the_runs_and_do_none_twice(tmp_path: Path):
    script = Path(__file__).with_name("tuning_process.py")
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    first, second = (json.loads(output) for output, _ in told)
    assert first, "the first has done some"
    assert second, "and so has the second"
    assert len(first + second) == len({*first, *second}) == 14, "6 trials and one more seed, twice"
    tried = [row.tried for row in read_plan(tmp_path / "out").runs if row.tried]
    for study in {each.study for each in tried}:
        assert [each.number for each in tried if each.study == study] == list(range(6))
    report = make_report(tmp_path / "out")
    assert [(cell.variant, dict(cell.values)) for cell in report.cells] == [
        ("full", {0: 1.0, 1: 1.0}),
        ("no-mlp", {0: 1.0, 1: 1.0}),
    ]
