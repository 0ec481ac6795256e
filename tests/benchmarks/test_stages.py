"""Stages that fail stop those that need them, and no others."""

from __future__ import annotations

import sys
import time
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

    monkeypatch.setattr(stages.subprocess, "Popen", interrupt)
    outcomes = run_stages([Stage("a", "x", ("x",)), Stage("b", "y", ("y",))], tmp_path)
    assert [(x.status, x.why) for x in outcomes] == [
        ("failed", "interrupted"),
        ("skipped", "interrupted"),
    ]


def test_the_deadline_ends_a_stage_with_all_that_it_started(tmp_path: Path) -> None:
    child = "import time; open('child', 'w').close(); time.sleep(60); open('late', 'w').close()"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    kept: list[str] = []
    began = time.monotonic()
    outcomes = run_stages(
        [Stage("a", "long", python(parent)), Stage("a", "after", python("1"))],
        tmp_path,
        deadline=time.monotonic() + 1.5,
        keep=lambda outcome: kept.append(outcome.status),
    )
    assert time.monotonic() - began < 20
    assert [(x.status, x.why) for x in outcomes] == [
        ("stopped", stages.OVER),
        ("skipped", stages.OVER),
    ]
    assert kept == ["stopped", "skipped"]
    assert not (tmp_path / "late").exists()


def test_a_stage_of_an_earlier_call_serves_those_that_need_it(tmp_path: Path) -> None:
    first, second = (
        Stage("a", "one", python("raise SystemExit(3)")),
        Stage("a", "two", python("1"), ("one",)),
    )
    outcomes = run_stages([first, second], tmp_path, finished={("a", "one")})
    assert [x.status for x in outcomes] == ["done", "done"]
    assert str(outcomes[0]) == "one done (in an earlier call), 0 s"
