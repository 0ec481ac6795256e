"""What is timed and how it is added up; no timing decides."""

import torch

from seqzoo import load_registry
from seqzoo.grid.plan.pace import Pace, pace_of, shape_of
from seqzoo.spec.run import RunSpec

RUN = {
    "model": {"width": 16, "layers": 1, "mixer": "attention"},
    "task": {"type": "parity", "length": 8, "test_size": 8},
    "train": {"steps": 1000, "batch_size": 4, "evaluate": {"every": 300}},
}


def spec(**train) -> RunSpec:
    changed = {**RUN, "train": {**RUN["train"], **train}}
    return load_registry([]).validate(RunSpec, changed)


def test_steps_and_evaluations_add_up():
    assert Pace(step_s=0.5, evaluation_s=10.0).seconds(spec()) == 500 + 4 * 10


def test_learning_rate_seed_and_steps_are_no_shape():
    assert shape_of(spec()) == shape_of(spec(steps=5, optimizer={"lr": 0.5}, clip=None))
    assert shape_of(spec()) != shape_of(spec(batch_size=8))
    assert shape_of(spec()) != shape_of(spec(evaluate={"sequences": 4}))


def test_a_pace_is_taken_and_nothing_is_left_changed():
    threads, numbers = torch.get_num_threads(), torch.get_rng_state()
    pace = pace_of(spec(stop={"target": 0.0}), threads=1)
    assert pace.step_s > 0
    assert pace.evaluation_s > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), numbers)


def test_no_logger_hears_of_the_timing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pace_of(spec(loggers=["console", "tensorboard"]), threads=1)
    assert list(tmp_path.iterdir()) == []
