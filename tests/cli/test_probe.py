from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.registry import load_registry
from seqzoo.spec.run import RunSpec


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from seqzoo.train import train

    document = {
        "model": {"width": 16, "layers": 1, "mixer": "prism"},
        "task": {"type": "parity", "length": 12, "vocab_size": 8, "test_size": 16},
        "train": {"steps": 2, "batch_size": 4, "device": "cpu"},
    }
    directory = tmp_path_factory.mktemp("probe") / "run"
    train(load_registry().validate(RunSpec, document), directory)
    return directory


def test_findings_are_printed_kept_drawn_and_shown_in_a_report(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["probe", str(run), "--figures", str(tmp_path), "--sequences", "3"]) == 0
    out, err = capsys.readouterr()
    assert "write_rank: Rank of what a token writes\n" in out
    assert "3 test sequences of 12 tokens, checkpoint last" in out
    assert max(map(len, out.splitlines()[:-1])) <= 160
    probes = load_registry().names("probe")
    assert err.split() == [word for name in probes for word in ("probe", name)]
    assert {path.name for path in tmp_path.glob("*.svg")} == {f"probe-{n}.svg" for n in probes}
    assert len(json.loads((run / "probes.json").read_text())["found"]) == len(probes)
    assert main(["report", str(run), "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert "Rank of what a token writes" in page
    assert "figure-probe-write_rank" in page


def test_each_layer_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from seqzoo.train import train

    document = {
        "model": {"width": 16, "layers": 2, "mixer": "prism"},
        "task": {"type": "parity", "length": 12, "vocab_size": 8, "test_size": 16},
        "train": {"steps": 1, "batch_size": 4, "device": "cpu"},
    }
    train(load_registry().validate(RunSpec, document), tmp_path / "run")
    assert main(["probe", str(tmp_path / "run"), "error_growth"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:8] for line in lines if line.startswith("layer ")][:2] == ["layer 0:", "layer 1:"]


def test_json_is_all_there_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(run), "write_rank", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    (finding,) = data["found"]
    assert [row["write"] for row in finding["rows"]] == [1, 2]
    assert finding["rows"][0]["rank"] == 1.0
    assert 1.9 < finding["rows"][1]["rank"] <= 2.0
    assert finding["plot"]["x"] == "write"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such directory; give the --out of a run"),
        (["."], "holds no run (there is no spec.yaml); train it first"),
        (["{run}", "write_rang"], "unknown probe 'write_rang'; did you mean 'write_rank'?"),
    ],
)
def test_wrong_input(run: Path, capsys, arguments: list[str], message: str) -> None:
    assert main(["probe", *(word.format(run=run) for word in arguments)]) == 2
    assert message in capsys.readouterr().err
