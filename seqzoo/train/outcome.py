"""Build the record of a run."""

from __future__ import annotations

from typing import Literal

from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts, installed_versions
from seqzoo.train.progress import Progress
from seqzoo.train.record import Memory, MetricFacts, Record, Timings

__all__ = ["record_of"]


def record_of(
    spec: RunSpec,
    facts: Facts,
    progress: Progress,
    status: Literal["done", "diverged"],
    others: float | None = None,
) -> Record:
    """The record of a run that has ended; `others` as in `Timings`."""
    metric, stop = facts.metric, spec.train.stop
    return Record(
        run_id=facts.run_id,
        name=spec.name,
        seed=spec.seed,
        status=status,
        steps=progress.step,
        max_steps=spec.train.steps,
        reached_at=progress.reached_at,
        target=stop.target if stop else None,
        metric=MetricFacts(
            name=metric.name, higher_is_better=metric.higher_is_better, chance=metric.chance
        ),
        metrics=dict(progress.metrics),
        best=dict(progress.best),
        skipped_steps=progress.skipped,
        parameters=facts.parameters,
        state_size=facts.state_size,
        timings=Timings(
            wall_s=progress.wall_s,
            train_s=progress.train_s,
            tokens=progress.tokens,
            tokens_per_s=progress.tokens / progress.train_s if progress.train_s else 0.0,
            others=others,
        ),
        versions=installed_versions(),
        device=facts.device,
        spec=spec.resolved(),
        sources=facts.sources,
        inputs=dict(facts.inputs),
        auxiliary=dict(progress.auxiliary_means),
        groups=facts.groups,
        scan=facts.scan,
        memory=Memory(peak_rss=progress.peak_rss or None, peak_device=progress.peak_device or None),
    )
