"""Checkpoints that are old, or that someone changed so that their checksums fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqzoo.errors import RunError
from seqzoo.train import train
from seqzoo.train.seals import size_and_checksum

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"


def checkpoint_of(make_spec: Any, root: Path, **settings: Any) -> Path:
    """A run that lost its record after step 8 of 12."""
    train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}, **settings}), root)
    (root / "record.json").unlink()
    folders = sorted((root / "checkpoint").iterdir())
    for file in folders[-1].iterdir():
        file.unlink()
    folders[-1].rmdir()
    return folders[-2]


def seal(folder: Path, change: Callable[[dict[str, Any]], object] | None = None) -> None:
    state = json.loads((folder / STATE).read_text())
    for name in state["files"]:
        state["files"][name] = size_and_checksum(folder / name)
    if change is not None:
        change(state)
    (folder / STATE).write_text(json.dumps(state))


def header(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


@pytest.mark.parametrize("file", [MODEL, TRAINING])
@pytest.mark.parametrize("content", [b"[]", b"null", b'{"a":{}}', b"7", b'{"a":[]}', b"{}", b""])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_header_may_be_anything(
    make_spec, tmp_path: Path, file: str, content: bytes, sealed: bool
) -> None:
    folder = checkpoint_of(make_spec, tmp_path)
    (folder / file).write_bytes(header(content))
    if sealed:
        seal(folder)
    with pytest.raises(RunError, match=rf"{file} is (damaged|not of this model): "):
        train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}}), tmp_path)


EXP_AVG = "optimizer/exp_avg/embedding.weight"
EXP_AVG_SQ = "optimizer/exp_avg_sq/embedding.weight"
Tensors = dict[str, torch.Tensor]


def without_optimizer(tensors: Tensors) -> None:
    for name in [name for name in tensors if name.startswith("optimizer/")]:
        del tensors[name]


def half_moments(tensors: Tensors) -> None:
    for name in tensors:
        if "/exp_avg" in name:
            tensors[name] = tensors[name].half()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop(EXP_AVG), rf"it lacks tensor '{EXP_AVG}' \(8, 8\) float32"),
        (lambda t: t.pop("optimizer/step/embedding.weight"), "lacks .*optimizer/step/embedding"),
        (without_optimizer, r"it lacks tensor 'optimizer/\w+/embedding.weight'"),
        (half_moments, r"is \(8, 8\) float16 there and \(8, 8\) float32 here"),
        (
            lambda t: t.update({"optimizer/step/head.weight": torch.tensor(1e18)}),
            r"'optimizer/step/head.weight' is 1e\+18, and the checkpoint is of step 8",
        ),
        (
            lambda t: t.update({"optimizer/step/head.weight": torch.tensor(float("nan"))}),
            "tensor 'optimizer/step/head.weight' holds NaN; delete",
        ),
        (
            lambda t: t.update({"optimizer/step/head.weight": torch.tensor(2.5)}),
            "'optimizer/step/head.weight' is 2.5, and the checkpoint is of step 8",
        ),
        (lambda t: t[EXP_AVG].fill_(float("nan")), rf"damaged: tensor '{EXP_AVG}' holds NaN; del"),
        (
            lambda t: t[EXP_AVG_SQ].fill_(float("inf")),
            rf"'{EXP_AVG_SQ}' holds infinity; del",
        ),
        (lambda t: t[EXP_AVG_SQ].fill_(-1), rf"'{EXP_AVG_SQ}' holds -1, and a mean of squares is"),
        (
            lambda t: t.update({"generator/cpu": torch.zeros(7, dtype=torch.uint8)}),
            r"generator/cpu is \(7,\) uint8 there and \(\d+,\) uint8 here",
        ),
        (
            lambda t: t.update({"generator/cpu": t["generator/cpu"].float()}),
            r"generator/cpu is \(\d+,\) float32 there and \(\d+,\) uint8 here",
        ),
        (
            lambda t: t.update({"generator/cpu": torch.full_like(t["generator/cpu"], 255)}),
            "generator/cpu cannot be used: .*; delete",
        ),
        (lambda t: t.update({"other": torch.ones(2)}), r"no tensor 'other' \(2,\) float32"),
        (lambda t: t.update({"extra/x": torch.ones(2)}), r"no tensor 'extra/x' \(2,\) float32"),
    ],
)
def test_each_entry_is_named_with_what_was_found_and_wanted(
    make_spec, tmp_path: Path, change: Callable[[Tensors], object], says: str
) -> None:
    folder = checkpoint_of(make_spec, tmp_path)
    tensors = load_file(folder / TRAINING)
    change(tensors)
    save_file(tensors, folder / TRAINING)
    seal(folder)
    with pytest.raises(RunError, match=rf"{TRAINING} is .*{says}"):
        train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}}), tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s["progress"].update(step=10**18), r"progress.step is 1,000,.*and it lies in"),
        (lambda s: s["progress"].update(step=4), "progress.step is 4, and it lies in"),
        (lambda s: s["progress"].update(step=-8), "progress.step: Input should be greater"),
        (lambda s: s["progress"].update(train_s=-1.0), "progress.train_s: Input should be greater"),
        (lambda s: s["files"].pop(TRAINING), f"it has no checksum of {TRAINING}"),
        (lambda s: s["files"].pop(MODEL), f"it has no checksum of {MODEL}"),
        (lambda s: s["files"].update({MODEL: [1, 2]}), "bytes of 1"),
        (lambda s: s.update(files=None), "files: Input should be"),
        (lambda s: s["progress"].update(best_at=9), "progress: best_at is 9, and step 8"),
        (lambda s: s["progress"].update(reached_at=10**9), "reached_at is 1,000,000,000, and step"),
    ],
)
def test_progress_that_cannot_be_is_named(
    make_spec, tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    folder = checkpoint_of(make_spec, tmp_path)
    seal(folder, change)
    with pytest.raises(RunError, match=rf"{says}.*; delete .*step-00000008"):
        train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}}), tmp_path)


def test_a_step_beyond_the_last_is_damage(make_spec, tmp_path: Path) -> None:
    folder = checkpoint_of(make_spec, tmp_path)
    folder = folder.rename(folder.with_name("step-1000000000000000000"))
    seal(folder, lambda state: state["progress"].update(step=10**18))
    with pytest.raises(RunError, match=r"progress.step is 1,000,.*, and the run has 12 steps"):
        train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}}), tmp_path)


@pytest.mark.parametrize(("value", "says"), [(float("nan"), "NaN"), (-float("inf"), "infinity")])
def test_a_weight_that_is_no_number_is_named(
    make_spec, tmp_path: Path, value: float, says: str
) -> None:
    folder = checkpoint_of(make_spec, tmp_path)
    tensors = load_file(folder / MODEL)
    tensors["embedding.weight"][0, 0] = value
    save_file(tensors, folder / MODEL)
    seal(folder)
    with pytest.raises(RunError, match=rf"tensor 'embedding.weight' holds {says}; delete"):
        train(make_spec({"steps": 12, "checkpoint": {"every": 4, "keep": 2}}), tmp_path)


def test_a_missing_or_wrong_average_is_named(make_spec, tmp_path: Path) -> None:
    settings = {"ema": {"decay": 0.9}, "checkpoint": {"every": 4, "keep": 2}}
    folder = checkpoint_of(make_spec, tmp_path, **settings)
    tensors = load_file(folder / TRAINING)
    name = "extra/weights/embedding.weight"
    for value, says in (
        (None, rf"it lacks tensor '{name}' \(8, 8\) float32"),
        (torch.zeros(8), rf"tensor '{name}' is \(8,\) float32 there and \(8, 8\) float32 here"),
    ):
        changed = {key: each for key, each in tensors.items() if key != name or value is not None}
        if value is not None:
            changed[name] = value
        save_file(changed, folder / TRAINING)
        seal(folder)
        with pytest.raises(RunError, match=says):
            train(make_spec({"steps": 12, **settings}), tmp_path)


def test_a_missing_or_wrong_scaler_is_named(make_spec, tmp_path: Path) -> None:
    settings = {"precision": "float16", "checkpoint": {"every": 4, "keep": 2}}
    folder = checkpoint_of(make_spec, tmp_path, **settings)
    tensors = load_file(folder / TRAINING)
    name = "extra/scaler/scale"
    for value, says in (
        (None, rf"it lacks tensor '{name}' \(\) float64"),
        (torch.tensor(0.0, dtype=torch.float64), rf"'{name}' is 0, expected a factor above 0"),
        (torch.tensor(float("inf"), dtype=torch.float64), rf"'{name}' is inf"),
    ):
        changed = {key: each for key, each in tensors.items() if key != name or value is not None}
        if value is not None:
            changed[name] = value
        save_file(changed, folder / TRAINING)
        seal(folder)
        with pytest.raises(RunError, match=says):
            train(make_spec({"steps": 12, **settings}), tmp_path)


def test_a_whole_checkpoint_goes_on_to_the_same_bits(make_spec, tmp_path: Path) -> None:
    folder = checkpoint_of(make_spec, tmp_path / "a")
    seal(folder)  # forged, but with nothing changed
    settings = {"steps": 12, "checkpoint": {"every": 4, "keep": 2}}
    resumed = train(make_spec(settings), tmp_path / "a")
    assert resumed.metrics == train(make_spec(settings), tmp_path / "b").metrics
    for file in (MODEL, TRAINING):
        last = [tmp_path / run / "checkpoint" / "step-00000012" / file for run in "ab"]
        left, right = map(load_file, last)
        assert all(torch.equal(left[name], right[name]) for name in left | right)


class Idle(torch.nn.Module):
    """Two weights, of which one takes no part."""

    def __init__(self) -> None:
        super().__init__()
        self.used = torch.nn.Linear(2, 2)
        self.idle = torch.nn.Linear(2, 2)


def test_parameters_that_never_had_a_gradient_have_no_state(tmp_path: Path) -> None:
    from seqzoo.train import checkpoint
    from seqzoo.train.optimizer import AdamW
    from seqzoo.train.progress import Progress

    model, cpu = Idle(), torch.device("cpu")
    optimizer = AdamW.Spec().build().make(model)
    model.used(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    folder = checkpoint.save(tmp_path, Progress(run_id="a", step=1), model, optimizer, cpu)
    assert json.loads((folder / STATE).read_text())["untouched"] == ["idle.weight", "idle.bias"]
    other = Idle()
    others = AdamW.Spec().build().make(other)
    checkpoint.load(folder, other, others, cpu)
    assert torch.equal(other.idle.weight, model.idle.weight)
    assert not others.state.get(other.idle.weight)
    seal(folder, lambda state: state.update(untouched=[]))
    with pytest.raises(RunError, match=r"it lacks tensor .optimizer/step/idle.weight."):
        checkpoint.load(folder, other, others, cpu)
    seal(folder, lambda state: state.update(untouched=["idle.wight"]))
    with pytest.raises(
        RunError, match=r"parameter 'idle.wight', listed as untouched, is not one of"
    ):
        checkpoint.load(folder, other, others, cpu)
