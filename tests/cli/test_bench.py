"""`seqzoo bench`: its record, its table, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch

from seqzoo.cli import main
from seqzoo.model.attention import AttentionMixer

QUICK = ["--width", "16", "--lengths", "8,16", "--seconds", "0", "--no-memory"]


def test_the_record_holds_every_case(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "bench.png"
    words = ["bench", "prism", "attention", *QUICK, "--json", "--figure", str(picture)]
    assert main(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["versions"]["torch"] == torch.__version__
    cases = [(row["phase"], row["mixer"], row["length"]) for row in record["rows"]]
    assert cases == [
        (phase, mixer, length)
        for phase in ("training", "prefill", "decode")
        for mixer in ("prism", "attention")
        for length in (8, 16)
    ]
    assert all(row["over_floor"] > 0 for row in record["rows"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_phase_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "linear_attention", *QUICK, "--phase", "decode"]) == 0
    out, err = capsys.readouterr()
    assert "decode: one token after so many" in out
    assert "training" not in out
    assert "float32, batch 1" in " ".join(out.split())
    assert "decode, 16 tokens" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prisn"], "unknown mixer 'prisn'; did you mean 'prism'?"),
        (["prism", "--lengths", "512,two"], "bench: --lengths has 'two'; write whole numbers"),
        (["prism", "--lengths", "0"], "bench: --lengths has '0'; write whole numbers above 0"),
        (["prism", "--phase", "train"], "bench: no phase 'train'; did you mean 'training'?"),
        (["prism", "--device", "cuda:9"], "bench: --device cuda:9: this machine has cpu"),
        (["prism", "--precision", "fp32"], "bench: no precision 'fp32'; known: bfloat16, float16"),
        (
            ["prism", "--figure", "a.gif"],
            "bench: --figure a.gif: expected a file of .svg, .png, .pdf",
        ),
    ],
)
def test_wrong_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_a_case_that_fails_is_named_and_the_others_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("not [enough] of it\nand more")

    monkeypatch.setattr(AttentionMixer, "mix", fail)
    assert main(["bench", "prism", "attention", "--phase", "prefill", *QUICK]) == 1
    out, err = capsys.readouterr()
    assert "attention at 8: not measured, RuntimeError: not [enough] of it\n" in out
    assert "prism" in out
    assert "bench: 2 cases of 4 failed" in err
