"""`seqzoo describe` on a run, a hybrid and a grid."""

import json
from pathlib import Path

import pytest
import yaml

import seqzoo
from seqzoo.cli import main

ROOT = Path(__file__).parents[2]
RUN = """
model: {width: 16, layers: 2, mixer: %s}
task: {type: parity, length: 24}
train: {steps: 1}
"""


def described(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[dict]:
    assert main(["describe", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_facts_are_the_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(RUN % "prism")
    (facts,) = described([str(file)], capsys)
    spec = seqzoo.load_spec(file)
    assert isinstance(spec, seqzoo.RunSpec)
    model = seqzoo.build_model(spec)
    assert facts["parameters"] == sum(p.numel() for p in model.parameters())
    assert facts["state_elements"] == model.state_size(24) == 2 * (16 * 16 + 3 * 16)
    assert facts["state_bytes"] == 4 * facts["state_elements"]
    assert facts["state_grows"] is False
    assert [group["first"] for group in facts["layers"]] == [1]
    assert facts["layers"][0]["last"] == 2
    assert [used["backend"] for used in facts["scan"]] == ["chunked"]
    assert main(["describe", str(file)]) == 0
    assert "backend chunked, on this machine's CPU" in capsys.readouterr().out


def test_attention_grows_with_the_context(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(RUN % "attention")
    (facts,) = described([str(file)], capsys)
    assert facts["state_grows"] is True
    (longer,) = described([str(file), "--set", "task.length=48"], capsys)
    assert longer["state_elements"] - facts["state_elements"] == 2 * 2 * 24 * 16


def test_a_preset_is_named_unless_it_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(RUN % "prism")
    for depth, named in ((1, "prism-depth1"), (2, "prism"), (3, None)):
        (facts,) = described([str(file), "--set", f"model.mixer.depth={depth}"], capsys)
        (layer,) = facts["layers"]
        assert (layer["mixer"], layer["preset"]) == ("recurrent", named)


def test_a_grid_shows_each_different_model(capsys: pytest.CaptureFixture[str]) -> None:
    all_facts = described([str(ROOT / "examples" / "quickstart.yaml")], capsys)
    assert len(all_facts) == 9 * 2
    assert len({facts["name"] for facts in all_facts}) == 18
    assert main(["describe", str(ROOT / "examples" / "quickstart.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("blocks 1 to 2: ") for line in lines) == 9, "once for both tasks"
    assert lines.count("blocks as above") == 9


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["describe", str(ROOT / "examples" / "hybrid.yaml")]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    for words in ("blocks 1 to 3: prism (recurrent)", "block 4: attention", "the last 32 tokens"):
        assert words in shown


def test_each_part_says_how_it_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.yaml"
    anchor = "{norm: {type: rms_norm, epsilon: 0.1}}"
    gate = "injection: {gate: {bias: true, initial: 0.0}}"
    file.write_text(RUN % f"{{type: prism, depth: 3, anchor: {anchor}, forget: none, {gate}}}")
    (facts,) = described([str(file)], capsys)
    settings = facts["layers"][0]["settings"]
    assert settings["anchor short_conv"] == {
        "kernel_size": 4,
        "activation": "silu",
        "norm": "rms_norm",
        "norm.epsilon": 0.1,
    }, "its bias is off, and of its norm only what is not the default is told"
    injection = settings["injection residual_refinement"]
    assert (injection["depth"], injection["keys.of"], injection["keys.norm"]) == (3, "own", "unit")
    assert injection["gate.initial"] == 0.0
    assert settings["forget none"] == {}
    assert main(["describe", str(file)]) == 0
    shown = capsys.readouterr().out
    told = "kernel_size=4, activation=silu, norm=rms_norm, norm.epsilon=0.1"
    assert told in " ".join(shown.split())


def test_the_optimizers_groups_are_shown(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    run = {
        "model": {"width": 16, "layers": 1, "mixer": {"type": "recurrent", "forget": "head_decay"}},
        "task": {"type": "parity", "length": 8},
        "train": {"steps": 1},
    }
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(run))
    assert main(["describe", str(path), "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    decayed, rest = facts["groups"]
    assert (decayed["weight_decay"], decayed["lr"]) == (True, 1.0)
    assert (rest["weight_decay"], rest["lr"]) == (False, 1.0)
    assert decayed["parameters"] + rest["parameters"] == facts["parameters"]
    assert "blocks.0.mixer.forget.project.weight" in rest["tensors"]
    assert "embedding.weight" in decayed["tensors"]
    assert main(["describe", str(path)]) == 0
    assert f"{rest['parameters']:,} not decayed, in" in capsys.readouterr().out
