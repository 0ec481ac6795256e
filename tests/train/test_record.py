from pathlib import Path

import pytest

from seqzoo.errors import RunError
from seqzoo.train import read_record, train


def test_a_record_comes_back_as_it_was_written(make_spec, tmp_path: Path) -> None:
    record = train(make_spec(name="tiny"), tmp_path)
    assert read_record(tmp_path / "record.json") == record
    assert list(tmp_path.glob(".record*")) == []


def test_damaged_records_are_named(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(RunError, match=r"record.json: there is no record"):
        read_record(path)
    path.write_text('{"format": 1, "run')
    with pytest.raises(RunError, match=r"record.json is damaged: it is no JSON"):
        read_record(path)
    path.write_text('{"format": 2}')
    with pytest.raises(RunError, match=r"record.json is damaged: format: "):
        read_record(path)
    path.write_text("[]")
    with pytest.raises(RunError, match=r"record.json is damaged: the file: "):
        read_record(path)
