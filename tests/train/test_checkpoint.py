import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel, build_model
from seqzoo.train import checkpoint, train
from seqzoo.train.checkpoint import Progress
from seqzoo.train.optimizer import AdamW

CPU = torch.device("cpu")


@pytest.fixture
def model(make_spec) -> LanguageModel:
    spec = make_spec(
        model={"width": 8, "layers": 1, "mixer": "attention", "tie_embeddings": True}
    ).model
    torch.manual_seed(0)
    return build_model(spec, vocab_size=7)


def optimizer_of(model: LanguageModel, steps: int) -> torch.optim.Optimizer:
    optimizer = AdamW.Spec().build().make(model)
    for _ in range(steps):
        model(torch.arange(6).view(2, 3))[0].square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return optimizer


def saved(root: Path, model: LanguageModel, step: int = 3) -> tuple[Path, torch.optim.Optimizer]:
    optimizer = optimizer_of(model, step)
    return checkpoint.save(
        root, Progress(run_id="abc", step=step), model, optimizer, CPU
    ), optimizer


def test_model_optimizer_generator_and_progress_come_back(
    model: LanguageModel, tmp_path: Path, make_spec
) -> None:
    progress = Progress(
        run_id="abc", step=3, tokens=18, metrics={"loss": 0.1}, losses=[1 / 3, 2e-7]
    )
    optimizer = optimizer_of(model, 3)
    torch.manual_seed(9)
    folder = checkpoint.save(tmp_path, progress, model, optimizer, CPU)
    expected = torch.rand(4)

    torch.manual_seed(1)
    spec = make_spec(model={"width": 8, "layers": 1, "mixer": "attention", "tie_embeddings": True})
    other = build_model(spec.model, vocab_size=7)
    others_optimizer = AdamW.Spec().build().make(other)
    assert checkpoint.load(folder, other, others_optimizer, CPU) == progress
    assert torch.equal(torch.rand(4), expected)
    assert other.head.weight is other.embedding.weight
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        left, right = optimizer.state[mine], others_optimizer.state[theirs]
        assert left.keys() == right.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(left[key], right[key]) for key in left)

    third = build_model(spec.model, vocab_size=7)
    assert checkpoint.load_weights(tmp_path, third) == 3
    assert torch.equal(third.embedding.weight, model.embedding.weight)


def test_only_the_newest_is_kept_and_drafts_are_cleaned(
    model: LanguageModel, tmp_path: Path
) -> None:
    for step in (1, 2, 10):
        saved(tmp_path, model, step)
    assert [folder.name for folder in tmp_path.iterdir()] == ["step-00000010"]
    (tmp_path / ".draft-77").mkdir()
    checkpoint.clean(tmp_path)
    assert [folder.name for folder in tmp_path.iterdir()] == ["step-00000010"]


def test_a_save_that_fails_half_way_leaves_the_one_before(
    model: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, optimizer = saved(tmp_path, model)
    calls = []

    def fail_the_second(tensors: dict[str, torch.Tensor], path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", fail_the_second)
    with pytest.raises(RunError, match=r"step-00000004: No space left on device; free some space"):
        checkpoint.save(tmp_path, Progress(run_id="abc", step=4), model, optimizer, CPU)
    assert list(tmp_path.iterdir()) == [folder]
    assert checkpoint.load(folder, model, optimizer, CPU).step == 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [(cut, r"it has [\d,]+ bytes of"), (flip, "fit its checksum"), (Path.unlink, "cannot be read")],
)
def test_damaged_tensors_are_named_with_the_next_step(
    model: LanguageModel, tmp_path: Path, file: str, damage, says: str
) -> None:
    folder, optimizer = saved(tmp_path, model)
    damage(folder / file)
    with pytest.raises(RunError, match=rf"{file}.*{says}.*delete .*step-00000003 and run the same"):
        checkpoint.load(folder, model, optimizer, CPU)


@pytest.mark.parametrize(
    ("content", "says"), [("{", "it is no JSON"), ('{"format": 9}', "format: "), (None, "be read")]
)
def test_damaged_progress_is_named(
    model: LanguageModel, tmp_path: Path, content: str | None, says: str
) -> None:
    folder, optimizer = saved(tmp_path, model)
    state = folder / "state.json"
    state.unlink() if content is None else state.write_text(content)
    with pytest.raises(RunError, match=rf"state.json.*{says}"):
        checkpoint.load(folder, model, optimizer, CPU)


def rewrite(folder: Path, file: str, change) -> None:
    """Change a file's tensors so that sizes and checksums fit all the same."""
    tensors = load_file(folder / file)
    change(tensors)
    save_file(tensors, folder / file)
    state = json.loads((folder / "state.json").read_text())
    state["files"][file] = checkpoint._size_and_checksum(folder / file)
    (folder / "state.json").write_text(json.dumps(state))


def test_another_models_tensors_are_named_with_both_shapes(
    model: LanguageModel, tmp_path: Path
) -> None:
    folder, optimizer = saved(tmp_path, model)
    good = tmp_path / "good"
    shutil.copytree(folder, good)
    name = "embedding.weight"
    cases = [
        ("model.safetensors", lambda t: t.update({name: torch.zeros(9, 8)}), "there and"),
        ("model.safetensors", lambda t: t.update({name: t[name].half()}), "float16 there and"),
        ("model.safetensors", lambda t: t.pop(name), rf"lacks tensor '{name}' \(7, 8\) float32"),
        ("model.safetensors", lambda t: t.update(x=torch.ones(2)), r"no tensor 'x' \(2,\)"),
        (
            "training.safetensors",
            lambda t: t.update({f"optimizer/exp_avg/{name}": torch.zeros(2, 2)}),
            r"\(2, 2\) float32 there and \(7, 8\) float32 here",
        ),
        ("training.safetensors", lambda t: t.update({"optimizer/m/y": torch.ones(2)}), "'y'"),
        ("training.safetensors", lambda t: t.pop("generator/cpu"), "no generator/cpu"),
    ]
    for file, change, says in cases:
        shutil.rmtree(folder)
        shutil.copytree(good, folder)
        rewrite(folder, file, change)
        with pytest.raises(RunError, match=rf"{file} is .*{says}"):
            checkpoint.load(folder, model, optimizer, CPU)


def test_there_is_nothing_to_load_before_training(model: LanguageModel, tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "absent") is None
    with pytest.raises(RunError, match="there is no checkpoint; train the run first"):
        checkpoint.load_weights(tmp_path / "absent", model)


def test_a_run_with_a_damaged_checkpoint_stops_before_it_trains(make_spec, tmp_path: Path) -> None:
    train(make_spec(), tmp_path)
    (tmp_path / "record.json").unlink()
    cut(tmp_path / "checkpoint" / "step-00000012" / "model.safetensors")
    with pytest.raises(RunError, match=r"model.safetensors is damaged"):
        train(make_spec(), tmp_path)
