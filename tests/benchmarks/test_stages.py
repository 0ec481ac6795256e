"""Stages that fail stop those that need them, and no others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import stages
from stages import Stage, exit_status, run_stages, summary


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


def test_a_failed_stage_skips_what_needs_it_in_its_group(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcomes = run_stages(
        [
            Stage("one", "install", python("raise SystemExit(3)")),
            Stage("one", "tests", python("print('never')"), ("install",)),
            Stage("two", "install", python("print('said')")),
            Stage("two", "tests", python("1"), ("install",)),
            Stage("three", "tests", (str(tmp_path / "nothing"),)),
        ],
        tmp_path,
    )
    assert [outcome.status for outcome in outcomes] == [
        "failed",
        "skipped",
        *["done"] * 2,
        "failed",
    ]
    assert exit_status(outcomes) == 1
    assert exit_status(outcomes[2:4]) == 0
    one, two, three = summary(outcomes)
    assert one.startswith("one: install failed (exit status 3), ")
    assert one.endswith("; tests skipped (needs install)")
    assert two.startswith("two: install done, ")
    assert "No such file" in three
    out = capfd.readouterr().out
    assert "said" in out
    assert "never\n" not in out


def test_folder_variables_and_output(tmp_path: Path) -> None:
    told = "import os; print(os.environ['NAME'], os.getcwd())"
    output = tmp_path / "made" / "told.txt"
    stage = Stage("one", "tell", python(told), environment={"NAME": "value"}, output=output)
    assert exit_status(run_stages([stage], tmp_path)) == 0
    assert output.read_text() == f"value {tmp_path.resolve()}\n"


def test_an_interrupt_still_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages.subprocess, "run", interrupt)
    outcomes = run_stages([Stage("a", "x", ("x",)), Stage("b", "y", ("y",))], tmp_path)
    assert [(x.status, x.why) for x in outcomes] == [
        ("failed", "interrupted"),
        ("skipped", "interrupted"),
    ]
