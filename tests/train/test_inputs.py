"""What a run depends on outside its spec."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.spec.run import RunSpec
from seqzoo.tasks import Task
from seqzoo.train import inputs, train
from seqzoo.train.inputs import MISSING, inputs_of


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All code is as its commit has it."""
    monkeypatch.setattr(inputs, "changed_files", lambda path: False)
    inputs._code.cache_clear()
    yield
    inputs._code.cache_clear()


def spec_of(**task: Any) -> RunSpec:
    document = {
        "model": {"width": 16, "layers": 1, "mixer": "prism"},
        "task": task,
        "train": {"steps": 1, "batch_size": 2, "device": "cpu"},
    }
    return seqzoo.load_registry().validate(RunSpec, document)


def test_the_record_has_a_fingerprint_of_every_file(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be " * 20)
    spec = spec_of(type="text", path=str(text), length=8)
    record = train(spec, tmp_path / "out")
    assert record.inputs == inputs_of(spec)
    assert record.inputs.keys() == {"task.path", "plugin seqzoo-prism"}
    text.write_text("to be or not to do " * 20)
    assert inputs_of(spec)["task.path"] != record.inputs["task.path"]
    text.unlink()
    assert inputs_of(spec)["task.path"] == MISSING


def test_a_tokenizer_and_interactions_are_inputs(tmp_path: Path) -> None:
    names = spec_of(type="text", path="a.txt", unit="token", tokenizer="b.json")
    assert {"task.path", "task.tokenizer"} <= inputs_of(names).keys()
    (tmp_path / "events.txt").write_text("1 2\n" * 9)
    events = spec_of(type="recommendation", path=str(tmp_path / "events.txt"))
    assert inputs_of(events)["task.path"] not in (MISSING, "")


def test_only_plugins_that_the_spec_uses_count() -> None:
    found = inputs_of(spec_of(type="parity"))
    assert found == {"plugin seqzoo-prism": found["plugin seqzoo-prism"]}


def test_code_that_is_in_no_commit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_layer.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("my_layer")
    for changed in (True, None):
        monkeypatch.setattr(inputs, "changed_files", lambda path, changed=changed: changed)
        inputs._code.cache_clear()
        found = inputs._code(("my_layer",))
        assert found.keys() == {"code my_layer"}
        (tmp_path / "my_layer.py").write_text("x = 22\n" if changed else "x = 333\n")
        inputs._code.cache_clear()
        assert inputs._code(("my_layer",)) != found
    del sys.modules["my_layer"]
    inputs._code.cache_clear()
    assert inputs._code(("torch",)) == {}  # installed: its version says which it is


def test_what_a_task_of_a_plugin_read_elsewhere(make_spec) -> None:
    class Elsewhere(Task):
        name = "elsewhere"

        @property
        def inputs(self) -> Mapping[str, str]:
            return {"database": "v1"}

        def train_batch(self, size, seed, step):
            raise NotImplementedError

        def test_batches(self, size):
            raise NotImplementedError

    found = inputs_of(make_spec(), Elsewhere())  # pyright: ignore[reportCallIssue]
    assert found == {"task.database": "v1"}
