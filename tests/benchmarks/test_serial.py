"""All forms of TTT compute the same numbers, and the table has a line each. No time decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import serial
import torch


def test_the_forms_of_ttt_agree() -> None:
    x, device = torch.randn(1, 37, 16), torch.device("cpu")
    found = [
        serial.passes(serial.mixer_of(form, 2, 8, device), x)() for form in list(serial.FORMS)[:2]
    ]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_a_line_a_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(serial.FORMS, "ttt-linear, mini-batch 16, compiled")
    words = ["--heads", "2", "--size", "8", "--length", "20", "--rounds", "1", "--device", "cpu"]
    serial.main([*words, "--json", str(tmp_path / "out.json")])
    lines = capsys.readouterr().out.splitlines()
    written = json.loads((tmp_path / "out.json").read_text())
    assert [row["form"] for row in written["rows"]] == serial.forms_on(torch.device("cpu"))
    for row, line in zip(written["rows"], lines, strict=True):
        assert line.startswith(row["form"])
        assert row["tokens_per_s"] == pytest.approx(20 / row["seconds"][0])


def test_a_pass_adds_to_the_peak_or_leaves_it() -> None:
    form = "ttt-linear, mini-batch 16"
    for keep in (False, True):
        assert serial.peak_of_one_pass(2, 8, 64, form, keep=keep) >= 0
