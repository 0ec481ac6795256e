"""The progress of a run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, model_validator

__all__ = ["Progress"]


class Progress(BaseModel):
    """The progress of a run: kept up to date by the loop, saved in each checkpoint.

    Attributes:
        run_id: the run.
        fingerprint: of the task's data outside the spec, see `Task.fingerprint`.
        step: optimizer steps done.
        tokens: tokens trained on.
        train_s: seconds in training steps.
        wall_s: seconds in all.
        metrics: as the last evaluation measured them.
        best: each metric's best value so far.
        best_at: step of the best evaluation by the task's metric, where its checkpoint is kept.
        reached_at: step of the first evaluation that met the target.
        peak_rss: most bytes of main memory the process held, over all sessions.
        peak_device: most bytes of a GPU's memory that tensors held, over all sessions.
        stale: consecutive evaluations so far without a new best of the task's metric.
        skipped: steps whose update was skipped, since float16 overflowed.
        losses: of the steps since the last row of metrics.jsonl.
        auxiliary: auxiliary losses of the same steps, by name.
        auxiliary_means: their means, as in the last row.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    run_id: str
    fingerprint: str = ""
    step: NonNegativeInt = 0
    tokens: NonNegativeInt = 0
    train_s: NonNegativeFloat = 0.0
    wall_s: NonNegativeFloat = 0.0
    metrics: dict[str, float] = {}
    best: dict[str, float] = {}
    best_at: NonNegativeInt | None = None
    reached_at: NonNegativeInt | None = None
    peak_rss: NonNegativeInt = 0
    peak_device: NonNegativeInt = 0
    stale: NonNegativeInt = 0
    skipped: NonNegativeInt = 0
    losses: list[float] = []
    auxiliary: dict[str, list[float]] = {}
    auxiliary_means: dict[str, float] = {}

    @model_validator(mode="after")
    def _nothing_is_later_than_now(self) -> Progress:
        for name, step in (("best_at", self.best_at), ("reached_at", self.reached_at)):
            if step is not None and step > self.step:
                raise ValueError(f"{name} is {step:,}, and step {self.step:,}")
        return self
