"""How well the anchor stands in for the read of the state."""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn import functional as F

from seqzoo.probe import Plot, Probe, Subject, Value
from seqzoo_prism.probes.refinement import reads_before, refinement_of

__all__ = ["AnchorError"]


class AnchorError(Probe):
    """|S_{t-1} k_t - u_t| / |u_t|, and the cosine of the two, by position."""

    name = "anchor_error"
    title = "Error of the anchor"
    meaning = (
        "PRISM puts the anchor u_t in place of the state's read S_{t-1} k_t; error is their "
        "distance over the length of u_t, cosine that of the angle between them, of heads and "
        "sequences on average. kernel is the convolution's size."
    )
    plot = Plot("position", ("error",), "layer", "token", "|S k - u| / |u|", log="x")

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and token, for layers with refinement steps."""
        found: list[dict[str, Value]] = []
        for trace in subject.traces:
            refinement = refinement_of(trace)
            if refinement is None or refinement.u is None:
                continue
            conv = getattr(getattr(trace.mixer, "anchor", None), "conv", None)
            kernel = conv.weight.shape[-1] if conv is not None else 1
            for t, read in reads_before(trace, refinement):
                u = refinement.u[:, t]
                found.append(
                    {
                        "layer": trace.layer,
                        "kernel": int(kernel),
                        "position": t + 1,
                        "error": float(((read - u).norm(dim=-1) / u.norm(dim=-1)).mean()),
                        "cosine": float(F.cosine_similarity(read, u, dim=-1).mean()),
                    }
                )
        return found
