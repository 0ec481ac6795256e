"""`seqzoo generate` on runs trained for a moment."""

import json
import shutil
from pathlib import Path

import pytest

from seqzoo.cli import main

RUN = """
model: {{width: 16, layers: 1, mixer: prism}}
task: {{type: text, path: {path}, unit: {unit}, length: 8}}
train: {{steps: 2, batch_size: 2, evaluate: {{every: 2, sequences: 4}}}}
"""


def trained(folder: Path, unit: str, *settings: str) -> Path:
    text = folder / "text.txt"
    text.write_text("to be or not to be, \N{GREEK SMALL LETTER ALPHA} question. " * 20, "utf-8")
    (folder / "run.yaml").write_text(RUN.format(path=text, unit=unit))
    changes = [word for setting in settings for word in ("--set", f"train.{setting}")]
    assert main(["train", str(folder / "run.yaml"), "--out", str(folder / "out"), *changes]) == 0
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


def test_several_prompts_give_what_each_gives_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = trained(tmp_path, "char")
    (tmp_path / "prompts.txt").write_bytes(b"\xef\xbb\xbfor not\r\n\r\nto be\n")
    options = ["--length", "20", "--top-p", "0.95", "--top-k", "8"]
    several = ["--prompt", "to be", "--prompts", str(tmp_path / "prompts.txt")]
    capsys.readouterr()
    assert main(["generate", str(out), *several, *options, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["prompt"] for row in rows] == ["to be", "or not", "to be"]
    assert [len(row["continuation"]) for row in rows] == [20, 20, 20]
    assert rows[0] != rows[2]
    assert main(["generate", str(out), *several, *options]) == 0
    pages = [row["prompt"] + row["continuation"] for row in rows]
    assert capsys.readouterr().out == "\n".join(
        f"[{number}/3]\n{page}\n" for number, page in enumerate(pages, 1)
    )
    for row in rows[:2]:
        assert main(["generate", str(out), "--prompt", row["prompt"], *options]) == 0
        assert capsys.readouterr().out == row["prompt"] + row["continuation"] + "\n"


def test_the_best_checkpoint_is_not_the_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # At this learning rate the last step harms.
    settings = ["steps=8", "batch_size=8", "optimizer.lr=0.1", "evaluate.every=1", "clip=null"]
    settings += ["checkpoint.best=true", "checkpoint.every=8"]
    out = trained(tmp_path, "char", *settings)
    best, last = sorted((out / "checkpoint").iterdir())
    assert best.name < last.name == "step-00000008"
    texts = {}
    for which in ("best", "last"):
        capsys.readouterr()
        arguments = ["--prompt", "to be", "--length", "60", "--checkpoint", which]
        assert main(["generate", str(out), *arguments]) == 0
        texts[which] = capsys.readouterr().out
    assert texts["best"] != texts["last"]
    shutil.rmtree(last)  # what was the best is the last now
    assert main(["generate", str(out), "--prompt", "to be", "--length", "60"]) == 0
    assert capsys.readouterr().out == texts["best"]


def test_a_checkpoint_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = trained(tmp_path, "char")
    capsys.readouterr()
    assert main(["generate", str(out), "--prompt", "to", "--checkpoint", "best"]) == 2
    assert "no best checkpoint was kept; train with train.checkpoint" in capsys.readouterr().err
    assert main(["generate", str(out), "--prompt", "to", "--checkpoint", "worst"]) == 2


def test_what_is_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = trained(tmp_path, "char")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    capsys.readouterr()
    for arguments, message in (
        ([str(out), "--prompt", "\N{SNOWMAN}"], "\N{SNOWMAN}"),
        ([str(out), "--prompt", "to", "--prompt", "\N{SNOWMAN}"], "prompt 2 of 2: "),
        ([str(out), "--prompt", ""], "--prompt is empty"),
        ([str(out)], "give --prompt TEXT, or --prompts FILE"),
        ([str(out), "--prompts", str(tmp_path / "no.txt")], "No such file"),
        ([str(out), "--prompts", str(tmp_path / "empty.txt")], "empty.txt holds no line"),
        ([str(out), "--prompts", str(tmp_path / "latin.txt")], "latin.txt is not UTF-8 text"),
        ([str(out), "--prompts", "/dev/zero"], "it is a device, not a regular file"),
        ([str(out), "--prompt", "to", "--temperature", "-1"], "--temperature"),
        ([str(out), "--prompt", "to", "--temperature", "nan"], "--temperature"),
        ([str(out), "--prompt", "to", "--top-k", "0"], "--top-k"),
        ([str(out), "--prompt", "to", "--top-p", "0"], "top_p is more than 0 and at most 1"),
        ([str(tmp_path), "--prompt", "a"], "holds no run"),
    ):
        assert main(["generate", *arguments]) == 2, arguments
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("change", [("q", "z"), ("question", "query")])
def test_another_text_than_at_training_is_refused(
    change: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With as many different characters as before, and with another number of them."""
    out = trained(tmp_path, "char")
    text = tmp_path / "text.txt"
    text.write_text(text.read_text("utf-8").replace(*change), "utf-8")
    assert main(["generate", str(out), "--prompt", "to"]) == 2
    assert "is not the one it was trained on" in capsys.readouterr().err


def test_a_run_without_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(
        "model: {width: 16, layers: 1, mixer: prism}\ntask: {type: parity, length: 8}\n"
        "train: {steps: 1, batch_size: 2}\n"
    )
    assert main(["train", str(run), "--out", str(tmp_path / "out")]) == 0
    assert main(["generate", str(tmp_path / "out"), "--prompt", "a"]) == 2
    assert "has no text to continue" in capsys.readouterr().err
