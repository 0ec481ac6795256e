"""Loggers of one run: what they are told, and what happens when one breaks."""

import io
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from seqzoo.errors import RunError, SpecError
from seqzoo.files import writing
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.run import RunSpec
from seqzoo.train import Logger, train
from seqzoo.train.facts import Facts
from seqzoo.train.metrics_log import MetricsLog, read_rows
from seqzoo.train.record import Record

ORIGIN = next(iter(load_registry(entry_points=[]))).origin


class Notebook(Logger):
    """Writes down what it is told; breaks where the test says."""

    name = "notebook"
    pages: ClassVar[list[tuple[str, int]]] = []
    breaks_at: str = ""

    def _note(self, event: str, step: int) -> None:
        self.pages.append((event, step))
        if event == self.breaks_at:
            raise OSError("the pen is\nempty")

    def started(self, spec: RunSpec, facts: Facts) -> None:
        self._note("started", facts.resumed_at)

    def logged(self, row: dict[str, Any]) -> None:
        self._note("logged", row["step"])

    def evaluated(self, row: dict[str, Any]) -> None:
        self._note("evaluated", row["step"])

    def saving(self, step: int) -> None:
        self._note("saving", step)

    def saved(self, step: int) -> None:
        self._note("saved", step)

    def finished(self, record: Record) -> None:
        self._note("finished", record.steps)

    def found(self, record: Record) -> None:
        self._note("found", record.steps)

    def close(self) -> None:
        self._note("close", 0)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = load_registry(entry_points=[])
    registry.add(Notebook, ORIGIN)
    monkeypatch.setattr(Notebook, "pages", [])
    return registry


def spec_of(make_spec, registry: Registry, *loggers: str) -> RunSpec:
    document = make_spec({"steps": 5, "checkpoint": {"every": 5}}).resolved()
    document["train"]["loggers"] = list(loggers)
    return registry.validate(RunSpec, document)


def test_a_third_partys_logger_is_told_everything(
    make_spec, registry: Registry, tmp_path: Path
) -> None:
    spec = spec_of(make_spec, registry, "notebook")
    train(spec, tmp_path)
    assert Notebook.pages == [
        *[("started", 0), ("evaluated", 4), ("logged", 5), ("evaluated", 5)],
        *[("saving", 5), ("saved", 5), ("finished", 5), ("close", 0)],
    ]
    assert not (tmp_path / "metrics.jsonl").exists()
    Notebook.pages.clear()
    train(spec, tmp_path)
    assert Notebook.pages == [("found", 5), ("close", 0)]


@pytest.mark.parametrize("event", ["logged", "evaluated", "saving", "saved", "finished", "close"])
def test_one_that_breaks_is_set_aside_with_one_warning(
    make_spec, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    monkeypatch.setattr(Notebook, "breaks_at", event)
    out = io.StringIO()
    spec = spec_of(make_spec, registry, "notebook", "jsonl")
    record = train(spec, tmp_path, console=Console(file=out, width=80))
    assert record.status == "done"
    assert out.getvalue() == (
        "warning: logger 'notebook' failed and is switched off: OSError: the pen is empty\n"
    )
    assert Notebook.pages[-1][0] == event
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl")] == [4, 5, 5]


def test_without_a_console_the_warning_is_pythons(
    make_spec, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notebook, "breaks_at", "logged")
    with pytest.warns(RuntimeWarning, match="'notebook' failed and is switched off"):
        train(spec_of(make_spec, registry, "notebook"), tmp_path)


def test_one_that_cannot_start_stops_the_run_before_it_trains(
    make_spec, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notebook, "breaks_at", "started")
    with pytest.raises(RunError, match="'notebook' cannot start: OSError: the pen is empty; fix"):
        train(spec_of(make_spec, registry, "notebook"), tmp_path)
    assert Notebook.pages == [("started", 0), ("close", 0)]
    assert not (tmp_path / "checkpoint").exists()


def fail_to_flush(self: MetricsLog) -> None:
    with writing(Path("metrics.jsonl")):
        raise OSError(28, "No space left on device")


def test_the_jsonl_is_essential(
    make_spec, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MetricsLog, "force_to_disk", fail_to_flush)
    with pytest.raises(RunError, match=r"cannot write .*metrics.jsonl: No space left on device"):
        train(spec_of(make_spec, registry, "jsonl"), tmp_path)


def test_changing_the_loggers_goes_on_with_the_same_run(
    make_spec, registry: Registry, tmp_path: Path
) -> None:
    spec = spec_of(make_spec, registry, "notebook")
    record = train(spec, tmp_path)
    (tmp_path / "record.json").unlink()
    other = spec_of(make_spec, registry, "jsonl")
    assert train(other, tmp_path).run_id == record.run_id
    assert "type: jsonl" in (tmp_path / "spec.yaml").read_text()
    assert "notebook" not in (tmp_path / "spec.yaml").read_text()


def test_an_unknown_logger_is_named(make_spec, registry: Registry) -> None:
    with pytest.raises(SpecError, match=r"unknown logger 'jsnl'; did you mean 'jsonl'\?"):
        spec_of(make_spec, registry, "jsnl")


def test_a_logger_that_hears_nothing_is_refused_when_its_class_is_defined() -> None:
    with pytest.raises(TypeError, match=r"Deaf: its methods are never called; rename loged"):
        type("Deaf", (Logger,), {"name": "deaf", "loged": print, "__module__": __name__})
