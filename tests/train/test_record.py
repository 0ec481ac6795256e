import importlib.metadata
import json
from pathlib import Path

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
    assert record.format == 2
    assert record.spec == spec.resolved()
    assert record.versions.triton == importlib.metadata.version("triton")
    assert record.memory.peak_rss is not None
    assert 2**20 < record.memory.peak_rss < 2**40
    assert record.memory.peak_device is None


def test_records_of_format_1_are_still_read(make_spec, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    train(make_spec(), tmp_path)
    facts = json.loads(path.read_text())
    facts["format"] = 1
    for key in ("spec", "sources", "memory"):
        del facts[key]
    del facts["versions"]["triton"]
    path.write_text(json.dumps(facts))
    record = read_record(path)
    assert record.spec is None
    assert record.sources.working_directory is None
    assert record.metrics == facts["metrics"]


def test_damaged_records_are_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(RunError, match=r"record.json: there is no record"):
        read_record(path)
    path.write_text('{"format": 1, "run')
    with pytest.raises(RunError, match=r"record.json is damaged: it is no JSON"):
        read_record(path)
    path.write_text('{"format": 3}')
    with pytest.raises(RunError, match=r"record.json is damaged: format: "):
        read_record(path)
    path.write_text("[]")
    with pytest.raises(RunError, match=r"record.json is damaged: the file: "):
        read_record(path)
