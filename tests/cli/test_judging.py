"""`seqzoo check` builds what it checks, and refuses sizes that no memory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.cli import main
from seqzoo.cli.judging import BOUND, judge, least_memory
from seqzoo.registry import plugin_files
from seqzoo.spec.run import RunSpec

RUN = """\
model: {width: 16, layers: 2, mixer: attention}
task: {type: mqar, length: 64, vocab_size: 64, num_pairs: 4, test_size: 32}
train: {steps: 10, batch_size: 8, accumulate: 2}
"""
REGISTRY = seqzoo.load_registry([])


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(RUN)


def run_of(**model: Any) -> RunSpec:
    document = {
        "model": {"width": 16, "layers": 2, "mixer": "attention", **model},
        "task": {"type": "mqar", "length": 64, "vocab_size": 64, "num_pairs": 4, "test_size": 32},
        "train": {"steps": 10, "batch_size": 8, "accumulate": 2},
    }
    return REGISTRY.validate(RunSpec, document)


def test_the_least_memory_is_counted() -> None:
    assert dict(least_memory(run_of(), 64, 64)) == {
        "embedding and head with gradients and moments": 16 * 2 * 64 * 16,
        "scores of a micro-batch": 4 * (4 * 64) * 64,
        "inputs of the blocks": 4 * (4 * 64) * 16 * 2,
        "norms of the blocks": 16 * 16 * 2,
        "the test set": 8 * 32 * 64,
    }
    assert (
        dict(least_memory(run_of(tie_embeddings=True), 64, 64))[
            "embedding and head with gradients and moments"
        ]
        == 16 * 64 * 16
    )
    assert BOUND == 2**40


@pytest.mark.parametrize(
    "setting",
    [
        "model.width=1000000000000",
        "model.layers=1000000000000",
        "model.layers=[{repeat: 1000000000000, mixer: attention}]",
        "train.batch_size=1000000000000",
        "task.length=1000000000000",
        "task.vocab_size=1000000000000",
        "task.test_size=1000000000000",
        "model.width=9223372036854775800",
        "model.mlp.ratio=1e13",
    ],
)
def test_what_no_memory_holds_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    assert main(["check", "run.yaml", "--set", setting]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 2
    assert "TiB" in err or "of at most" in err or "a number from 1 to 4096" in err


def test_what_a_part_refuses_when_it_is_built_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("fragile.py").write_text(
        "from seqzoo.operators import Anchor\n"
        "class Fragile(Anchor):\n"
        "    name = 'fragile'\n"
        "    def __init__(self, spec, dims):\n"
        "        super().__init__(spec, dims)\n"
        "        1 / (dims.width - 32)\n"
        "    def forward(self, x, stream):\n"
        "        return x\n"
    )
    monkeypatch.setenv(plugin_files.VARIABLE, "fragile.py")
    Path("grid.yaml").write_text(
        "base: run.yaml\naxes: {model.width: [16, 32]}\nvariants: {a: {model.mixer: "
        "{type: recurrent, heads: 1, anchor: fragile}}, b: {}}\nseeds: 3\n"
    )
    assert main(["check", "grid.yaml"]) == 2
    (problem, count) = capsys.readouterr().err.splitlines()
    place = Path("fragile.py").resolve()
    assert problem == (
        f"grid.yaml model: the model cannot be built: {place}:6: ZeroDivisionError: division by "
        "zero (in variant 'a', model.width=32)"
    )
    assert count == "grid.yaml: 1 problem"


def test_a_missing_text_is_told_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "run.yaml", "--set", "task={type: text, path: no/such.txt}"]) == 2
    err = capsys.readouterr().err
    assert "--set task={type: text, path: no/such.txt} task: there is no text file" in err


def test_deep_and_wide_models_that_could_be_are_no_problem() -> None:
    assert judge("f", [(run_of(width=4096, layers=100), "")]) == []


def plugin(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("odd.py").write_text(
        "from seqzoo.model import Mixer\n"
        "class Odd(Mixer):\n"
        "    name = 'odd'\n"
        "    def mix(self, x, stream):\n"
        f"        {body}\n"
    )
    monkeypatch.setenv(plugin_files.VARIABLE, "odd.py")
    Path("odd.yaml").write_text(RUN.replace("attention", "odd"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return x[:, :, :8]", "block 0) returns shape (1, 64, 8), expected (1, 64, 16)"),
        ("return x, x", "block 0) returns a tuple, expected a tensor"),
        ("return x.double()", "block 0) returns torch.float64"),
        ("raise KeyError('boom')", "odd.py:5: KeyError: 'boom'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "describe", "train", "grid"])
def test_what_a_layer_does_on_a_row_is_told_before_anything_runs(
    body: str,
    says: str,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin(body, monkeypatch)
    Path("odd-grid.yaml").write_text("base: odd.yaml\nseeds: 2\n")
    file = "odd-grid.yaml" if command == "grid" else "odd.yaml"
    assert main([command, file, *(["--out", "o"] if command in ("train", "grid") else [])]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("error", ["SpecError", "BackendError"])
def test_what_a_part_refuses_on_a_cpu_is_told_where_the_run_would_be_on_one(
    error: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(f"from seqzoo.errors import {error}; raise {error}('no such GPU')", monkeypatch)
    assert main(["check", "odd.yaml", "--set", "train.device=cpu"]) == 2
    assert capsys.readouterr().err.startswith("odd.yaml:1:8 model: no such GPU\n")
    assert main(["check", "odd.yaml", "--set", "train.device=cuda"]) == 0


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_mixer_that_looks_back_and_keeps_nothing_is_told(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("return x.cumsum(1)", monkeypatch)
    assert main([command, "odd.yaml", *(["--out", "o"] if command == "train" else [])]) == 2
    assert "mixer 'odd' keeps no state, and its output depends on" in capsys.readouterr().err


def test_a_test_set_with_a_carried_state_needs_mixers_that_carry_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin("return x", monkeypatch)
    text = Path("odd.py").read_text().replace("    name =", "    streams = False\n    name =")
    Path("odd.py").write_text(text)
    Path("text.txt").write_text("to be or not to be " * 20)
    task = "task={type: text, path: text.txt, length: 8, test_streams: 2}"
    assert main(["check", "odd.yaml", "--set", task]) == 2
    assert "8, test_streams: 2} task: task 'text' reads its test" in capsys.readouterr().err


def test_a_positive_log_decay_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("grow.py").write_text(
        "import torch\n"
        "from seqzoo.operators import DecayForget\n"
        "class Grow(DecayForget):\n"
        "    name = 'grow'\n"
        "    def __init__(self, spec, dims):\n"
        "        super().__init__(spec, dims)\n"
        "        self.heads = dims.heads\n"
        "    def log_decay(self, features, stream):\n"
        "        return features.x.new_full((*features.x.shape[:2], self.heads), 0.5)\n"
    )
    monkeypatch.setenv(plugin_files.VARIABLE, "grow.py")
    Path("grow.yaml").write_text(RUN.replace("attention", "{type: recurrent, forget: grow}"))
    assert main(["check", "grow.yaml"]) == 2
    assert "forget 'grow'" in (err := capsys.readouterr().err)
    assert "returns a log decay of +0.5" in err


def test_a_size_beyond_64_bits_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "run.yaml", "--set", "model.mlp.ratio=1e300"]) == 2
    assert "one of its sizes does not fit into 64 bits" in capsys.readouterr().err
