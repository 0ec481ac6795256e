from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.testing import FAMILY_CHECKS

SCHEDULES = """
from seqzoo.train import Schedule


class Halving(Schedule):
    \"\"\"Half as fast every ten steps.\"\"\"

    name = "halving"

    def factor(self, step):
        return 0.5 ** (step // 10)


class Uphill(Schedule):
    \"\"\"Away from the minimum.\"\"\"

    name = "uphill"

    def factor(self, step):
        return -1.0
"""


@pytest.fixture
def schedules(tmp_path: Path) -> str:
    path = tmp_path / "schedules.py"
    path.write_text(SCHEDULES)
    return str(path)


def test_a_plugin_is_checked_part_by_part(
    schedules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "check", "schedules", "--plugin", schedules]) == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert any(line.startswith("schedule halving: ") and "failed" not in line for line in lines)
    (failed,) = (line for line in lines if line.startswith("  failed "))
    assert "AssertionError: " in failed
    assert lines.index(failed) > lines.index(next(x for x in lines if "schedule uphill: " in x))
    assert "plugin 'schedules': 1 of " in shown.err


@pytest.mark.parametrize("part", ["halving", "schedule/halving"])
def test_one_part_as_json(schedules: str, capsys: pytest.CaptureFixture[str], part: str) -> None:
    asked = ["plugin", "check", "schedules", "--plugin", schedules, "--part", part, "--json"]
    assert main(asked) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["family"], row["name"], row["outcome"]) for row in rows} == {
        ("schedule", "halving", "passed")
    }
    assert {check.__name__ for check in FAMILY_CHECKS["schedule"]} <= {row["check"] for row in rows}


def test_what_cannot_be_checked(schedules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "prisn"]) == 2
    assert "no plugin 'prisn' is loaded; did you mean 'prism'?" in capsys.readouterr().err
    assert main(["plugin", "check", "schedules", "--plugin", schedules, "--part", "cosine"]) == 2
    assert "plugin 'schedules' registers no part 'cosine'" in capsys.readouterr().err


def test_a_new_plugin_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugin", "new", "my-layer"]) == 0
    assert "next: pip install -e seqzoo-my-layer; seqzoo plugin check my-layer" in (
        capsys.readouterr().out
    )
    assert main(["plugin", "new", "seqzoo-my-layer"]) == 2
    assert "seqzoo-my-layer exists and is not an empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("prism", "plugin 'prism' is installed"),
        ("gated-deltanet", None),
        ("attention", "has mixer 'attention'; choose another name"),
        ("My_Layer", "'My_Layer' cannot be a plugin's name"),
        ("my.layer", "cannot be a plugin's name"),
        ("../up", "cannot be a plugin's name"),
        ("", "cannot be a plugin's name"),
    ],
)
def test_names_that_are_taken_or_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str | None
) -> None:
    out = tmp_path / "out"
    assert main(["plugin", "new", name, "--out", str(out)]) == (0 if why is None else 2)
    assert out.exists() == (why is None)
    assert (why or "") in capsys.readouterr().err
