"""`seqzoo generate` on runs trained for a moment."""

from pathlib import Path

import pytest

from seqzoo.cli import main

RUN = """
model: {{width: 16, layers: 1, mixer: prism}}
task: {{type: text, path: {path}, unit: {unit}, length: 8}}
train: {{steps: 2, batch_size: 2, evaluate: {{every: 2, batches: 1}}}}
"""


def trained(folder: Path, unit: str) -> Path:
    text = folder / "text.txt"
    text.write_text("to be or not to be, \N{GREEK SMALL LETTER ALPHA} question. " * 20, "utf-8")
    (folder / "run.yaml").write_text(RUN.format(path=text, unit=unit))
    assert main(["train", str(folder / "run.yaml"), "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.mark.parametrize("unit", ["char", "byte"])
def test_it_continues_the_prompt(
    unit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = trained(tmp_path, unit)
    capsys.readouterr()
    texts = []
    for seed in ("0", "0", "1"):
        arguments = ["generate", str(out), "--prompt", "to be", "--length", "40", "--seed", seed]
        assert main(arguments) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("to be")
    if unit == "char":
        assert len(texts[0].rstrip("\n")) >= 45 - 1


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = trained(tmp_path, "char")
    for arguments, status, message in (
        ([str(out), "--prompt", "\N{SNOWMAN}"], 2, "\N{SNOWMAN}"),
        ([str(out), "--prompt", ""], 2, "--prompt is empty"),
        ([str(tmp_path), "--prompt", "a"], 2, "holds no run"),
    ):
        assert main(["generate", *arguments]) == status
        assert message in capsys.readouterr().err


def test_a_run_without_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(
        "model: {width: 16, layers: 1, mixer: prism}\ntask: {type: parity, length: 8}\n"
        "train: {steps: 1, batch_size: 2}\n"
    )
    assert main(["train", str(run), "--out", str(tmp_path / "out")]) == 0
    assert main(["generate", str(tmp_path / "out"), "--prompt", "a"]) == 2
    assert "has no text to continue" in capsys.readouterr().err
