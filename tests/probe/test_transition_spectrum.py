from dataclasses import replace

import pytest
import torch

from seqzoo.probe.transition_spectrum import TransitionSpectrum
from seqzoo.scan import Erase, Transition


def rows(subject, transition: Transition) -> list[dict]:
    seen = subject("recurrent")
    (trace,) = seen.traces
    seen = replace(seen, traces=[replace(trace, transition=transition)])
    return TransitionSpectrum.Spec().build().rows(seen)


def test_nothing_forgotten_is_one_everywhere(subject) -> None:
    found = rows(subject, Transition())
    assert len(found) == 8
    assert all(row["modulus"] == pytest.approx(1.0) for row in found)


def test_a_decay_and_an_erase_beyond_zero(subject) -> None:
    decay = torch.full((3, 12, 1), 0.5, dtype=torch.float64).log()
    key = torch.eye(8, dtype=torch.float64)[2].expand(3, 12, 1, 8)
    strength = torch.full((3, 12, 1), 1.5, dtype=torch.float64)
    found = rows(subject, Transition(decay, Erase(read=key, strength=strength)))
    assert [round(row["modulus"], 9) for row in found] == [0.25] + 7 * [0.5]
    assert [row["negative"] for row in found] == [1.0] + 7 * [0.0]
