import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from seqzoo.errors import DirectoryError, RunError
from seqzoo.model import LanguageModel, build_model
from seqzoo.train import Watch, checkpoint, train
from seqzoo.train.assembly import Assembly
from seqzoo.train.evaluate import evaluate
from seqzoo.train.metrics_log import read_rows
from seqzoo.train.objective import Objective
from seqzoo.train.optimizer import AdamW
from seqzoo.train.progress import Progress
from seqzoo.train.tensors import check_count

from .saving import CPU, optimizer_of, saved


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
    assert checkpoint.load(folder, other, others_optimizer, CPU) == (progress, {})
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
    checkpoint.clean(tmp_path, keep=1)
    assert [folder.name for folder in tmp_path.iterdir()] == ["step-00000010"]


def steps_in(root: Path) -> list[int]:
    return sorted(checkpoint.step_of(folder) for folder in root.iterdir())


def test_the_newest_and_the_best_are_kept(model: LanguageModel, tmp_path: Path) -> None:
    optimizer = optimizer_of(model, 1)
    for step in range(1, 7):
        progress = Progress(run_id="abc", step=step, best_at=min(step, 2))
        with torch.no_grad():
            model.embedding.weight.fill_(step)
        checkpoint.save(tmp_path, progress, model, optimizer, CPU, keep=3)
    assert steps_in(tmp_path) == [2, 4, 5, 6]
    assert checkpoint.load_weights(tmp_path, model, "best") == 2
    assert (model.embedding.weight == 2).all()
    assert checkpoint.load_weights(tmp_path, model, "last") == 6
    assert (model.embedding.weight == 6).all()


def test_without_a_best_one_the_error_says_how_to_keep_it(
    model: LanguageModel, tmp_path: Path
) -> None:
    saved(tmp_path, model)
    with pytest.raises(RunError, match=r"no best checkpoint was kept; train with train.checkpoint"):
        checkpoint.load_weights(tmp_path, model, "best")


def test_a_run_keeps_its_best_evaluation(make_spec, tmp_path: Path) -> None:
    # The learning rate is so high that the loss of the test set goes up and down.
    spec = make_spec(
        {
            "steps": 40,
            "optimizer": {"lr": 0.3},
            "evaluate": {"every": 2},
            "checkpoint": {"every": 8, "keep": 2, "best": True},
        },
    )
    record = train(spec, tmp_path)
    rows = [row for row in read_rows(tmp_path / "metrics.jsonl") if row["kind"] == "evaluation"]
    best = max(rows, key=lambda row: row["accuracy"])["step"]
    assert best not in (32, 40)
    assert steps_in(tmp_path / "checkpoint") == [best, 32, 40]
    restored = build_model(spec)
    assert checkpoint.load_weights(tmp_path / "checkpoint", restored, "best") == best
    task = spec.task.build()
    measured = evaluate(Objective(restored), task, batch_size=8)
    assert measured["accuracy"] == record.best["accuracy"]


class Killed(BaseException):
    """The process is no more."""


class Mortal:
    """Every file operation of a process that is killed at one of them, halfway if it writes."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.left, self.dead = at, False
        for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync"):
            patch.setattr(os, name, self.before(getattr(os, name)))
        patch.setattr(Path, "write_bytes", self.halfway(Path.write_bytes))
        patch.setattr(Path, "write_text", self.halfway(Path.write_text))
        patch.setattr(checkpoint, "save_file", self.save_file)

    def dies(self) -> bool:
        self.left -= 1
        self.dead = self.dead or self.left < 0
        return self.dead

    def before(self, operation):
        def operate(*args, **options):
            if self.dies():
                raise Killed
            return operation(*args, **options)

        return operate

    def halfway(self, write):
        def operate(path: Path, content, *args, **options):
            if self.dead:
                raise Killed
            dies = self.dies()
            written = write(
                path, content[: len(content) // 2] if dies else content, *args, **options
            )
            if dies:
                raise Killed
            return written

        return operate

    def save_file(self, tensors: dict[str, torch.Tensor], path: Path) -> None:
        if self.dead:
            raise Killed
        save_file(tensors, path)
        if self.dies():
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)
            raise Killed


@pytest.mark.parametrize("keep", [1, 2])
def test_a_save_killed_at_any_file_operation_leaves_the_old_or_the_new_checkpoint(
    model: LanguageModel, tmp_path: Path, keep: int
) -> None:
    optimizer = optimizer_of(model, 2)
    new = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = []
    while True:
        root = tmp_path / str(len(found))
        for step in (3, 4):
            with torch.no_grad():
                model.embedding.weight.fill_(step)
            progress = Progress(run_id="abc", step=step)
            checkpoint.save(root, progress, model, optimizer, CPU, keep)
        model.load_state_dict(new)
        killed = False
        with pytest.MonkeyPatch.context() as patch:
            Mortal(patch, at=len(found))
            try:
                progress = Progress(run_id="abc", step=5)
                checkpoint.save(root, progress, model, optimizer, CPU, keep)
            except Killed:
                killed = True
        checkpoint.clean(root, keep=9)
        left = steps_in(root)
        assert left[-1] in (4, 5)
        for folder in root.iterdir():  # every one of them is whole
            step = checkpoint.load(folder, model, optimizer, CPU)[0].step
            expected = new["embedding.weight"] if step == 5 else torch.full((7, 8), float(step))
            assert torch.equal(model.embedding.weight, expected)
        model.load_state_dict(new)
        if not killed:
            assert left == [5] if keep == 1 else [4, 5]
            break
        found.append(left[-1])
    assert len(found) > 12
    assert found == sorted(found)
    assert set(found) == {4, 5}


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
    assert checkpoint.load(folder, model, optimizer, CPU)[0].step == 3


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "No space left on device; free some space or choose another folder"),
        (errno.EROFS, "Read-only file system; make it writable or choose another folder"),
    ],
)
def test_a_run_that_cannot_save_goes_on_from_its_checkpoint_later(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    spec = make_spec({"steps": 12, "checkpoint": {"every": 4}})
    real = os.fsync

    def full(handle: int) -> None:
        if (tmp_path / "checkpoint" / "step-00000004").exists():
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=f"cannot write .*: {says}.*the same command resumes"):
        train(spec, tmp_path)
    monkeypatch.undo()
    assert steps_in(tmp_path / "checkpoint") == [4]
    record = train(spec, tmp_path)
    unbroken = train(spec, tmp_path / "unbroken")
    assert record.metrics == unbroken.metrics


def test_there_is_nothing_to_load_before_training(model: LanguageModel, tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "absent") is None
    with pytest.raises(RunError, match="there is no checkpoint; train the run first"):
        checkpoint.load_weights(tmp_path / "absent", model)


class StopsAt8(Watch):
    """Interrupted once step 8 is saved."""

    def saved(self, step: int) -> None:
        if step == 8:
            raise KeyboardInterrupt


def test_a_better_evaluation_that_is_not_kept_leaves_no_best(
    make_spec, tmp_path: Path, monkeypatch
) -> None:
    values = iter([0.5, 0.7])
    monkeypatch.setattr(Assembly, "evaluate", lambda _: {"accuracy": next(values), "loss": 1.0})
    settings = {"steps": 16, "evaluate": {"every": 8}}
    spec = make_spec({**settings, "checkpoint": {"every": 8, "best": True}})
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path, watch=StopsAt8())
    model = build_model(spec)
    assert checkpoint.load_weights(tmp_path / "checkpoint", model, "best") == 8
    train(make_spec({**settings, "checkpoint": {"every": 8, "best": False}}), tmp_path)
    with pytest.raises(DirectoryError, match="no best checkpoint was kept"):
        checkpoint.load_weights(tmp_path / "checkpoint", model, "best")


def test_an_optimizer_all_of_whose_steps_were_skipped_has_a_count_of_0() -> None:
    check_count(Path("x"), "optimizer/step/weight", torch.tensor(0.0), 3)
    for wrong in (-1.0, 4.0, 0.5):
        with pytest.raises(RunError, match="'optimizer/step/weight' is"):
            check_count(Path("x"), "optimizer/step/weight", torch.tensor(wrong), 3)
