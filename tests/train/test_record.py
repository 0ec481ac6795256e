import importlib.metadata
import json
import re
from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import RunError
from seqzoo.train import read_record, train


def test_a_record_comes_back_as_it_was_written(make_spec, tmp_path: Path) -> None:
    record = train(make_spec(name="tiny"), tmp_path)
    assert read_record(tmp_path / "record.json") == record
    assert list(tmp_path.glob(".record*")) == []


def test_it_says_what_the_run_was_and_what_it_took(make_spec, tmp_path: Path) -> None:
    spec = make_spec()
    record = train(spec, tmp_path)
    assert record.format == 3
    assert record.spec == spec.resolved()
    assert record.versions.triton == importlib.metadata.version("triton")
    assert record.memory.peak_rss is not None
    assert 2**20 < record.memory.peak_rss < 2**40
    assert record.memory.peak_device is None


@pytest.mark.parametrize("version", [1, 2])
def test_records_of_the_first_version_are_refused_in_words(tmp_path: Path, version: int) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"format": version, "run_id": "0123456789ab"}))
    with pytest.raises(
        RunError, match=r"record.json: written by seqzoo 0\.1 .*; run it again in a"
    ):
        read_record(path)


def test_damaged_records_are_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(RunError, match=r"record.json: there is no record"):
        read_record(path)
    path.write_text('{"format": 3, "run')
    with pytest.raises(RunError, match=r"record.json is damaged: it is not JSON"):
        read_record(path)
    path.write_text('{"format": 4}')
    with pytest.raises(RunError, match=r"record.json is damaged: format: "):
        read_record(path)
    path.write_text("[]")
    with pytest.raises(RunError, match=r"record.json is damaged: Input should be "):
        read_record(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": -6}, "steps is -6, and max_steps 12"),
        ({"steps": 13}, "steps is 13, and max_steps 12"),
        ({"steps": 7}, "status is done after 7 of 12 steps, and nothing in its spec ends it early"),
        ({"max_steps": 50, "steps": 50}, "max_steps is 50, and spec.train.steps 12"),
        ({"seed": 7}, "seed is 7, and spec.seed 0"),
        ({"target": 0.5}, "target is 0.5, and spec.train.stop.target None"),
        ({"reached_at": 99}, "reached_at is 99, and steps 12"),
        (
            {"metric": {"name": "other", "higher_is_better": True, "chance": None}},
            "metric.name is 'other', and metrics has loss, accuracy",
        ),
    ],
)
def test_facts_that_cannot_be_true_at_once_are_named(
    make_spec, make_record, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = tmp_path / "record.json"
    facts = {"spec": make_spec().resolved(), "steps": 12, "max_steps": 12}
    record = make_record("0123456789ab", 0.5, **facts, metrics={"loss": 0.5, "accuracy": 0.5})
    path.write_text(record.model_dump_json())
    assert read_record(path) == record
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(RunError, match=rf"record.json is damaged: {re.escape(says)}; delete it"):
        read_record(path)
