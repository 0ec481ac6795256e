"""How much of its state a layer keeps from token to token, by direction."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seqzoo.probe.findings import Plot, Value
from seqzoo.probe.probe import Probe, Subject
from seqzoo.probe.sampling import some_tokens

__all__ = ["TransitionSpectrum"]


class TransitionSpectrum(Probe):
    """Moduli of the eigenvalues of A_t, from the smallest to the largest."""

    name = "transition_spectrum"
    title = "Spectrum of the transition"
    meaning = (
        "Moduli of the eigenvalues of A_t, sorted in each token, then averaged: 1 keeps a "
        "direction of the state, 0 erases it. negative is the share with a real part below 0."
    )
    plot = Plot("index", ("modulus",), "layer", "eigenvalue, sorted", "modulus")

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and place in the sorted order."""
        found: list[dict[str, Value]] = []
        for trace in subject.traces:
            values = torch.linalg.eigvals(some_tokens(trace.transitions()))
            moduli, order = values.abs().sort(dim=1)
            negative = values.real.gather(1, order) < -1e-9
            found += [
                {
                    "layer": trace.layer,
                    "index": index,
                    "modulus": float(moduli[:, index].mean()),
                    "least": float(moduli[:, index].min()),
                    "most": float(moduli[:, index].max()),
                    "negative": float(negative[:, index].double().mean()),
                }
                for index in range(moduli.shape[1])
            ]
        return found
