from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.run import RunSpec

DATA: dict[str, Any] = {
    "name": "try",
    "model": {"width": 16, "layers": 2, "mixer": "attention"},
    "task": {"type": "parity", "length": 8},
    "train": {"steps": 10, "optimizer": {"lr": 0.01}},
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry([])


def test_resolved_is_plain_and_complete_and_reads_back(registry: Registry) -> None:
    run = registry.validate(RunSpec, DATA)
    resolved = json.loads(json.dumps(run.resolved()))
    assert resolved["train"]["optimizer"]["type"] == "adamw"
    assert resolved["train"]["optimizer"]["lr"] == 0.01
    assert resolved["model"]["mixer"]["type"] == "attention"
    again = registry.validate(RunSpec, resolved)
    assert again == run
    assert again.run_id == run.run_id


def test_the_id_follows_what_matters(registry: Registry) -> None:
    run_id = registry.validate(RunSpec, DATA).run_id
    assert len(run_id) == 12

    def changed(**change: Any) -> str:
        return registry.validate(RunSpec, {**copy.deepcopy(DATA), **change}).run_id

    assert changed(name="other") == run_id
    assert changed(model={**DATA["model"], "mixer": {"type": "attention"}}) == run_id
    assert changed(seed=1) != run_id
    beside = {"loggers": [], "checkpoint": {"every": 3, "keep": 2, "best": True}}
    assert changed(train={**DATA["train"], **beside}) == run_id
    assert changed(train={"steps": 11, "optimizer": {"lr": 0.01}}) != run_id


def test_a_logger_is_named_once(registry: Registry) -> None:
    with pytest.raises(SpecError, match=r"train\.loggers: .*'jsonl' is named twice"):
        registry.validate(
            RunSpec, {**DATA, "train": {"steps": 1, "loggers": ["jsonl", {"type": "jsonl"}]}}
        )


def test_optional_sections_may_be_left_out_or_null(registry: Registry) -> None:
    run = registry.validate(RunSpec, {**DATA, "train": {"steps": 1, "stop": None, "clip": None}})
    assert run.train.stop is None
    assert run.train.clip is None
    assert run.train.schedule.part.name == "constant"


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", ""])
def test_devices(registry: Registry, device: str) -> None:
    with pytest.raises(SpecError, match=r"train\.device: expected text of the form"):
        registry.validate(RunSpec, {**DATA, "train": {"steps": 1, "device": device}})


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ({"stop": {}}, r"train\.stop: no reason to stop: give it a target, a patience, or both"),
        (
            {"stop": {"patience": 2}, "evaluate": {"every": 10}},
            r"stop\.patience counts evaluations, and evaluate\.every 10 leaves none before",
        ),
        ({"precision": "fp16"}, r"train\.precision"),
        ({"ema": {"decay": 1.0}}, r"train\.ema\.decay"),
    ],
)
def test_training_keys_that_make_no_sense_are_refused(
    registry: Registry, train: dict[str, Any], says: str
) -> None:
    with pytest.raises(SpecError, match=says):
        registry.validate(RunSpec, {**DATA, "train": {"steps": 10, **train}})
