from dataclasses import replace

import pytest
import torch

from seqzoo.probe.error_growth import ErrorGrowth
from seqzoo.scan import Transition


def measured(subject, transition: Transition, length: int = 64):
    seen = subject("recurrent", length=length)
    (trace,) = seen.traces
    seen = replace(seen, traces=[replace(trace, transition=transition)])
    return ErrorGrowth.Spec().build().find(seen)


def test_without_a_forget_an_error_of_the_injection_grows_with_every_token(subject) -> None:
    finding = measured(subject, Transition())
    rows = finding.rows
    assert [row["position"] for row in rows] == list(range(1, 65))
    # of equal directions each adds its size: in units of the mean size, t at token t
    assert rows[-1]["of_B"] == pytest.approx(64.0, rel=1e-9)
    power = float(finding.note.rpartition("of B like t^")[2].partition(" ")[0])
    assert power == pytest.approx(1.0, abs=0.1)


def test_a_forget_bounds_both(subject) -> None:
    decay = torch.full((3, 64, 1), 0.5, dtype=torch.float64).log()
    rows = measured(subject, Transition(decay)).rows
    assert rows[-1]["of_B"] < 3.0
    assert rows[-1]["of_A"] < 8.0
    assert rows[-1]["of_B"] == pytest.approx(rows[20]["of_B"], rel=0.5)


def test_errors_are_of_first_order(subject) -> None:
    """A tenth of the perturbation gives the same numbers, in its units."""
    seen = subject("recurrent", length=20)
    first = ErrorGrowth.Spec(epsilon=1e-3).build().rows(seen)[-1]
    second = ErrorGrowth.Spec(epsilon=1e-4).build().rows(seen)[-1]
    assert first["of_A"] == pytest.approx(second["of_A"], rel=0.02)
    assert first["of_B"] == pytest.approx(second["of_B"], rel=1e-6)
