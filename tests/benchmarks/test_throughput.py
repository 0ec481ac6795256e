"""The benchmark runs, counts its tokens, and says what is not there. No time decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import throughput


def test_a_line_a_mixer_and_a_column_a_length(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = throughput.Size(16, 1, 16, 32, (8, 16))
    monkeypatch.setitem(throughput.SIZES, "small", tiny)
    words = [
        "--size",
        "small",
        "--device",
        "cpu",
        "--steps",
        "1",
        "--mixers",
        "prism",
        "ttt-linear, serial",
        "nix",
    ]
    throughput.main([*words, "--json", str(tmp_path / "out.json")])
    printed = capsys.readouterr().out
    assert "not installed: nix\n" in printed
    written = json.loads((tmp_path / "out.json").read_text())
    assert [(row["mixer"], row["length"]) for row in written["rows"]] == [
        ("prism", 8),
        ("prism", 16),
        ("ttt-linear, serial", 8),
        ("ttt-linear, serial", 16),
    ]
    monkeypatch.setattr(throughput, "measure", lambda *_: {"mixer": "x", "tokens_per_s": 1.0})
    again = throughput.main([*words, "--json", str(tmp_path / "out.json"), "--resume"])
    assert again == written
    for row in written["rows"]:
        assert row["tokens_per_s"] == pytest.approx(32 / row["seconds"][0])
    lines = [line.split() for line in printed.splitlines()]
    assert [line[0] for line in lines[1:4]] == ["mixer", "prism", "ttt-linear,"]
    assert lines[1][2:] == ["8", "16"]


def test_the_papers_size_has_the_papers_parameters() -> None:
    size = throughput.SIZES["paper"]
    with throughput.torch.device("meta"):
        model = throughput.model_of("attention", size)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 0.1e9 < count < 0.14e9


def test_ttt_stands_there_token_by_token_and_in_its_dual_form() -> None:
    """With one token a mini-batch both are the same function, which one row takes a loop for."""
    size = throughput.Size(16, 1, 16, 32, (8,))
    serial, chunked = (throughput.MIXERS[f"ttt-linear, {form}"] for form in ("serial", "chunked"))
    assert {
        label for label in throughput.MIXERS if throughput._mixer_of(label) == "ttt-linear"
    } == {
        "ttt-linear, serial",
        "ttt-linear, chunked",
    }
    loop = throughput.model_of("ttt-linear, serial", size)
    tokens = throughput.torch.arange(8).unsqueeze(0)
    once = throughput.build_model(
        {
            "width": 16,
            "layers": 1,
            "mixer": {**chunked, "mini_batch": serial["mini_batch"]},
            "mlp": {"type": "mlp", "ratio": 4},
            "tie_embeddings": True,
        },
        vocab_size=16,
    )
    once.load_state_dict(loop.state_dict())
    throughput.torch.testing.assert_close(loop(tokens)[0], once(tokens)[0])
