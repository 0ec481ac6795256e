"""Losses and updates that are not finite."""

import math
from pathlib import Path

import pytest
import torch

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel
from seqzoo.spec.run import RunSpec
from seqzoo.train import read_record, train

from .runs import Recorder, final_tensors


class Poisoned(LanguageModel):
    """Its logits are not finite in training from a step on."""

    left = 6

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        return super().logits(hidden) * (math.nan if self.left < 0 else 1.0)


def poisoned(spec: RunSpec, vocab_size: int) -> LanguageModel:
    return Poisoned(spec.model, vocab_size)


def test_a_loss_that_is_not_finite_stops_the_run(make_spec, tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        train(make_spec(), tmp_path, build=poisoned)
    message = str(caught.value)
    assert "diverged: at step 7 the loss is nan" in message
    assert str(tmp_path / "checkpoint" / "step-00000004") in message
    record = read_record(tmp_path / "record.json")
    assert (record.status, record.steps) == ("diverged", 6)
    assert record.timings.tokens == 6 * 64
    saved = final_tensors(tmp_path)
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())
    with pytest.raises(RunError, match="diverged after step 6 when it ran before"):
        train(make_spec(), tmp_path)


def test_divergence_before_the_first_checkpoint_says_so(make_spec, tmp_path: Path) -> None:
    spec = make_spec({"checkpoint": {"every": 10}, "evaluate": {"every": 10}})
    with pytest.raises(RunError, match="no checkpoint was saved before"):
        train(spec, tmp_path, build=poisoned)
    assert read_record(tmp_path / "record.json").metrics == {}


class Overflowing(LanguageModel):
    """Its gradients overflow for a while, or for good."""

    until = 3

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = super().logits(hidden)
        if self.training:
            self.until -= 1
            if self.until >= 0:
                logits.register_hook(lambda gradient: gradient * torch.inf)
        return logits


class AlwaysOverflowing(Overflowing):
    until = 1000


def test_updates_that_overflow_are_skipped_and_counted(make_spec, tmp_path: Path) -> None:
    watch = Recorder()
    record = train(
        make_spec({"precision": "float16", "log_every": 2}),
        tmp_path / "a",
        watch=watch,
        build=lambda spec, vocab_size: Overflowing(spec.model, vocab_size),
    )
    assert record.skipped_steps == 3
    rows = [row for row in watch.rows if row["kind"] == "train"]
    assert [row["skipped"] for row in rows[:3]] == [2, 3, 3]
    assert ["gradient_norm" not in row for row in rows[:3]] == [True, False, False]
    with pytest.raises(RunError, match="the updates of 40 steps were skipped"):
        train(
            make_spec({"precision": "float16", "steps": 60}),
            tmp_path / "b",
            build=lambda spec, vocab_size: AlwaysOverflowing(spec.model, vocab_size),
        )


def test_tokens_are_those_of_the_good_steps(make_spec, tmp_path: Path) -> None:
    """Whatever their length: five steps of 4 tokens, then 32."""
    task = {"type": "state_tracking", "length": 32, "curriculum": [[4, 5]], "test_size": 8}
    with pytest.raises(RunError, match="diverged: at step 7"):
        train(make_spec(task=task), tmp_path, build=poisoned)
    record = read_record(tmp_path / "record.json")
    assert record.timings.tokens == 8 * (5 * 4 + 32)
