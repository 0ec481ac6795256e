"""The probe family, and the subject that a probe measures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seqzoo.model import LanguageModel
from seqzoo.probe.findings import Finding, Plot, Value
from seqzoo.probe.trace import Trace
from seqzoo.spec import Part, PartSpec
from seqzoo.spec.run import RunSpec

__all__ = ["Probe", "Subject"]


@dataclass(frozen=True)
class Subject:
    """A trained model, and what it computed on a few test sequences.

    Attributes:
        spec: of the run.
        model: on the CPU, in float64 and evaluation mode.
        tokens: (N, T) int64, test sequences.
        traces: one for each layer that has a memory.
    """

    spec: RunSpec
    model: LanguageModel
    tokens: Tensor
    traces: Sequence[Trace]


class Probe(Part, ABC, family="probe"):
    """A trained model -> rows of numbers. Built from its spec alone.

    A probe changes nothing: neither the model nor the traces.

    Attributes:
        title: what it measures, as a heading.
        meaning: how to read its numbers.
        plot: how its rows are drawn.
    """

    title: ClassVar[str]
    meaning: ClassVar[str]
    plot: ClassVar[Plot]

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec

    @abstractmethod
    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """The numbers, each row with the same columns; [] where the probe does not apply."""

    def find(self, subject: Subject) -> Finding:
        """The rows, with the text needed to read them."""
        rows = list(self.rows(subject))
        note = "" if rows else "does not apply: no layer of this model has what it measures"
        return Finding(self.name, self.title, self.meaning, rows, self.plot, note)
