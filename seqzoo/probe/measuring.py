"""Run probes on a trained run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch

from seqzoo.denormals import flushed_denormals
from seqzoo.errors import SpecError
from seqzoo.probe.findings import Finding, Findings
from seqzoo.probe.probe import Probe, Subject
from seqzoo.probe.trace import traces
from seqzoo.registry import Registry
from seqzoo.train.trained import load_at_step

__all__ = ["measure"]


def measure(
    directory: Path,
    registry: Registry,
    names: Sequence[str] = (),
    *,
    sequences: int = 8,
    length: int | None = None,
    checkpoint: Literal["last", "best"] = "last",
    progress: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Measure a run. `keep_findings` writes the results into its directory.

    Args:
        directory: of a trained run.
        registry: where parts, probes among them, are looked up.
        names: of probes; () for all.
        sequences: N, test sequences to look at.
        length: T, the first tokens of each; None for all.
        checkpoint: whose weights.
        progress: called with the name of each probe before it runs.

    Raises:
        DirectoryError, RunError, SpecError: as `seqzoo.train.load_trained`.
        SpecError: an unknown probe, or a model in which no layer has a memory.
    """
    specs = [registry.spec("probe", name) for name in names or registry.names("probe")]
    probes: list[Probe] = [spec.build() for spec in specs]
    spec, model, step = load_at_step(directory, registry, checkpoint)
    batch = next(iter(spec.task.build().test_batches(sequences)))
    tokens = batch.tokens[:sequences, :length]
    with flushed_denormals():
        seen = traces(model, tokens)
    if not seen:
        raise SpecError(
            f"{directory}: no layer of its model has a memory for probes to look into; they "
            "take mixers that compute S_t = S_{t-1} A_t + B_t, such as recurrent and its presets"
        )
    subject = Subject(spec, model, tokens, seen)
    found: list[Finding] = []
    with flushed_denormals(), torch.no_grad():
        for probe in probes:
            progress(probe.name)
            found.append(probe.find(subject))
    return Findings(checkpoint, step, tokens.shape[0], tokens.shape[1], found)
