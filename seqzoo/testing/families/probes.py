"""Checks of probes: uniform rows, and a model left unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import SkipTest

import torch

from seqzoo.errors import SpecError
from seqzoo.model import build_model
from seqzoo.probe.probe import Probe, Subject
from seqzoo.probe.trace import traces
from seqzoo.spec.run import RunSpec
from seqzoo.testing.part import PartCase

__all__ = ["PROBE_CHECKS"]


def rows_are_of_one_kind(case: PartCase) -> None:
    """All rows have the same columns, those that its plot names among them; numbers or words."""
    probe: Probe = case.build()
    _, rows = _applies(case, probe)
    columns = list(rows[0])
    for row in rows:
        assert list(row) == columns, f"one row has the columns {list(row)}, another {columns}"
        for name, value in row.items():
            assert isinstance(value, float | int | str | None), f"{name} is {value!r}"
    plot = probe.plot
    wanted = {plot.x, *plot.ys} | ({plot.by} if plot.by else set())
    assert wanted <= set(columns), f"its plot asks for {sorted(wanted - set(columns))}"
    finding = probe.find(_applies(case, probe)[0])
    assert finding.title, "it has no title"
    assert finding.meaning, "it does not say how to read its numbers"


def it_changes_nothing(case: PartCase) -> None:
    """The model keeps its values, and asked again, the probe gives the same rows."""
    probe: Probe = case.build()
    subject, rows = _applies(case, probe)
    before = {name: each.clone() for name, each in subject.model.state_dict().items()}
    again = list(probe.rows(subject))
    assert again == rows, "asked again, it gives other rows"
    for name, tensor in subject.model.state_dict().items():
        assert torch.equal(tensor, before[name]), f"it changes {name}"
    assert not subject.model.training, "it leaves the model in training mode"


PROBE_CHECKS = (rows_are_of_one_kind, it_changes_nothing)


def _applies(case: PartCase, probe: Probe) -> tuple[Subject, list[dict[str, float | int | str]]]:
    """A subject on which the probe finds something, and what it finds."""
    for subject in _subjects(case):
        rows = list(probe.rows(subject))
        if rows:
            return subject, rows  # pyright: ignore[reportReturnType]
    raise SkipTest(f"{case} applies to no registered mixer")


def _subjects(case: PartCase) -> Iterator[Subject]:
    """A small untrained model of each registered mixer, `recurrent` first."""
    names = sorted(case.registry.names("mixer"), key=lambda name: (name != "recurrent", name))
    tokens = torch.randint(5, 16, (2, 12), generator=torch.Generator().manual_seed(3))
    for name in names:
        written = {
            "model": {"width": 16, "layers": 2, "mixer": name},
            "task": {"type": "parity", "length": 12, "vocab_size": 16},
            "train": {"steps": 1, "batch_size": 2},
            "seed": 0,
        }
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                spec = case.registry.validate(RunSpec, written)
                model = build_model(spec)
        except SpecError:
            continue
        yield Subject(spec, model, tokens, traces(model, tokens))
