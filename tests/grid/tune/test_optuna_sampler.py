"""Optuna on a file in the grid's directory; no training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seqzoo.errors import RunError, SpecError
from seqzoo.grid.tune.optuna_sampler import STUDY_FILE, OptunaSampler
from seqzoo.grid.tune.samplers import Study, Trial
from seqzoo.grid.tune.space import Range

optuna = pytest.importorskip(
    "optuna", reason="Optuna is not installed: pip install 'seqzoo[optuna]'"
)
SPACE = {
    "train.optimizer.lr": Range(low=1e-4, high=1e-1, log=True),
    "model.layers": Range(low=1, high=3),
    "model.mlp": ({"type": "mlp", "ratio": 2}, None),
}


def sampler(trials: int = 12) -> OptunaSampler:
    return OptunaSampler(OptunaSampler.Spec(trials=trials, space=SPACE))


def quality(values) -> float:
    """Best at a rate of 0.1."""
    return values["train.optimizer.lr"]


def proposals(number: int, directory: Path, name: str = "full") -> list[dict]:
    """So many trials in turn, each by a sampler that knows the study and the file alone."""
    trials: list[Trial] = []
    for _ in range(number):
        study = Study(name, SPACE, True, tuple(trials))
        values = dict(sampler(number).propose(study, directory))
        trials.append(Trial(len(trials), values, "done", quality(values)))
    return [dict(trial.values) for trial in trials]


def test_values_lie_in_the_space_and_get_better(tmp_path: Path) -> None:
    found = proposals(16, tmp_path)
    for values in found:
        assert 1e-4 <= values["train.optimizer.lr"] <= 1e-1
        assert values["model.layers"] in (1, 2, 3)
        assert values["model.mlp"] in SPACE["model.mlp"]
    assert len({values["train.optimizer.lr"] for values in found}) == 16
    rates = [values["train.optimizer.lr"] for values in found]
    assert sum(rates[8:]) > sum(rates[:8]), "what follows the first half at random leans to 0.1"


def test_the_same_study_gets_the_same_proposals_and_another_gets_others(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first = proposals(6, tmp_path)
    assert proposals(6, tmp_path / "again") == first
    assert proposals(6, tmp_path, name="thin") != first


def test_a_lost_file_is_written_again(tmp_path: Path) -> None:
    trials = tuple(
        Trial(number, values, "done", quality(values))
        for number, values in enumerate(proposals(4, tmp_path))
    )
    study = Study("full", SPACE, True, trials)
    there = sampler().propose(study, tmp_path)
    (tmp_path / STUDY_FILE).unlink()
    assert sampler().propose(study, tmp_path) == there
    kept = optuna.load_study(study_name="full", storage=f"sqlite:///{tmp_path / STUDY_FILE}")
    assert [trial.value for trial in kept.trials[:4]] == [trial.metric for trial in trials]


def test_a_proposal_that_never_became_a_trial_comes_again(tmp_path: Path) -> None:
    study = Study("full", SPACE, True, ())
    assert sampler().propose(study, tmp_path) == sampler().propose(study, tmp_path)


def test_open_and_failed_trials_are_told(tmp_path: Path) -> None:
    first, second = proposals(2, tmp_path)
    trials = (Trial(0, first, "failed"), Trial(1, second, "open"))
    (tmp_path / STUDY_FILE).unlink()
    sampler().propose(Study("full", SPACE, False, trials), tmp_path)
    kept = optuna.load_study(study_name="full", storage=f"sqlite:///{tmp_path / STUDY_FILE}")
    assert [trial.state.name for trial in kept.trials] == ["FAIL", "RUNNING", "RUNNING"]
    assert kept.direction.name == "MINIMIZE"


def test_a_file_of_other_trials_is_refused(tmp_path: Path) -> None:
    values = proposals(1, tmp_path)[0]
    other = Trial(0, {**values, "model.layers": 4 - values["model.layers"]}, "done", 0.5)
    if other.values == values:
        other = Trial(0, {**values, "model.layers": 1}, "done", 0.5)
    with pytest.raises(RunError, match=r"optuna.sqlite: holds other trials of 'full'"):
        sampler().propose(Study("full", SPACE, True, (other,)), tmp_path)


def test_a_file_that_is_no_database_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / STUDY_FILE).write_text("no database at all, but text that is long enough " * 40)
    with pytest.raises(RunError, match=r"optuna.sqlite: .*delete"):
        proposals(1, tmp_path)


def test_that_optuna_is_missing_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        SpecError, match=r"needs Optuna; install it with pip install 'seqzoo\[optuna"
    ):
        sampler()
