"""The training loop: from a run's spec to its record, resumed as often as needed."""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch
from rich.console import Console

from seqzoo.denormals import flushed_denormals
from seqzoo.errors import RunError
from seqzoo.model import LanguageModel, build_model
from seqzoo.spec.run import RunSpec
from seqzoo.train import checkpoint
from seqzoo.train.assembly import Assembly, Build
from seqzoo.train.determinism import determinism
from seqzoo.train.device import private_randomness
from seqzoo.train.directory import RunDirectory
from seqzoo.train.distributed import Processes, join
from seqzoo.train.entries import next_step
from seqzoo.train.facts import Facts, describe_device
from seqzoo.train.inputs import inputs_of
from seqzoo.train.loggers import Loggers
from seqzoo.train.machine_load import MachineLoad
from seqzoo.train.memory import PeakMemory, enough_memory
from seqzoo.train.outcome import record_of
from seqzoo.train.progress import Progress
from seqzoo.train.record import GroupFacts, Record, ScanFacts, write_record
from seqzoo.train.rehearsal import slower_than_expected
from seqzoo.train.sources import sources
from seqzoo.train.watch import Watch

__all__ = ["train"]

LARGEST_WAIT = 128  # steps between looks at the loss, so that a NaN costs no more than these
MOST_SKIPPED = 40  # steps in a row; the factor on float16's loss is then 2^-24 and less


def _build(spec: RunSpec, vocab_size: int) -> LanguageModel:
    return build_model(spec, vocab_size=vocab_size)


def train(
    spec: RunSpec,
    directory: Path | str,
    *,
    watch: Watch | None = None,
    console: Console | None = None,
    build: Build = _build,
) -> Record:
    """Train a run to its end, from its last checkpoint if the directory holds one.

    On the CPU, with the same torch and the same number of threads and processes, a run that is
    stopped at any moment and resumed ends bit for bit like an uninterrupted one. Under torchrun
    every process calls this with the same arguments; one of them writes, and all fail if one does.

    Meanwhile a CPU takes denormal numbers for zero (`seqzoo.denormals`).

    Args:
        spec: the run.
        directory: where its files go; created if missing.
        watch: called after the spec's loggers, in the process that writes.
        console: where logger `console` prints; None for nowhere.
        build: makes the model from the spec and the task's vocabulary.

    Returns:
        The record; at once, if the run had finished before.

    Raises:
        SpecError: the task's file, the device or a logger's library is missing, or sizes do not
            fit.
        RunError: the run diverged (now or before), the directory holds another run or is in use,
            a checkpoint is damaged, a file cannot be written, or the memory does not suffice.
    """
    with join(spec.train.parallel, spec.train.device) as (processes, device), ExitStack() as held:
        loggers = processes.together(
            lambda: (
                Loggers(spec.train.loggers, console, watch or Watch())
                if processes.writer
                else Loggers((), None, Watch())
            )
        )
        place = RunDirectory(Path(directory), spec)
        record = processes.on_writer(lambda: held.enter_context(place).record())
        held.enter_context(loggers)
        if record is not None:
            if record.status == "diverged":
                raise RunError(
                    f"run {record.run_id} in {place.path} diverged after step {record.steps} when "
                    f"it ran before, and would again; change the spec, or delete {place.path}"
                )
            loggers.found(record)
            return record
        held.enter_context(flushed_denormals())
        held.enter_context(private_randomness(spec.seed, device))
        held.enter_context(determinism(spec.train.deterministic))
        held.enter_context(enough_memory())
        assembly = processes.together(lambda: Assembly(spec, build, device, processes))
        return _Training(spec, place, loggers, assembly, processes).run()


class _Training:
    """A run in this process: its progress, and the observers that it reports to."""

    def __init__(
        self,
        spec: RunSpec,
        place: RunDirectory,
        watch: Watch,
        assembly: Assembly,
        processes: Processes,
    ) -> None:
        self.spec, self.place, self.watch = spec, place, watch
        self.assembly, self.processes, self.task = assembly, processes, assembly.task
        self.started_at = time.perf_counter()
        self.memory = PeakMemory(assembly.device)
        self.load = MachineLoad()
        self.progress = processes.together(self._resume)
        self.earlier_s = self.progress.wall_s
        self.unread: list[torch.Tensor] = []
        self.tokens_of_steps = deque[int](maxlen=LARGEST_WAIT + MOST_SKIPPED)  # the latest
        self.skipped_in_a_row = 0
        self.row_began = (self.progress.tokens, self.progress.train_s)
        self.norm = math.nan
        self.facts = Facts(
            run_id=spec.run_id,
            directory=place.path,
            metric=self.task.metric,
            vocab_size=self.task.vocab_size,
            parameters=assembly.parameters,
            state_size=assembly.state_size,
            device=describe_device(assembly.device),
            resumed_at=self.progress.step,
            notes=self.task.notes(),
            warnings=slower_than_expected(assembly.used, assembly.device),
            sources=sources(),
            inputs=inputs_of(spec, self.task),
            groups=tuple(
                GroupFacts(decay=group.decay, lr=group.lr, parameters=group.size)
                for group in assembly.groups
            ),
            scan=tuple(ScanFacts(**used._asdict()) for used in assembly.used),
        )

    def run(self) -> Record:
        """Train the remaining steps, then write the record."""
        self.processes.on_writer(self.place.claim)
        self.processes.on_writer(lambda: self.watch.started(self.spec, self.facts))
        self._train()
        return self._finish("done")

    def _train(self) -> None:
        settings, progress = self.spec.train, self.progress
        self.clock = time.perf_counter()
        while progress.step < settings.steps and not self._ended():
            batch = self.task.train_batch(settings.batch_size, self.spec.seed, progress.step)
            self.unread.append(self.assembly.advance(batch, progress.step))
            progress.step += 1
            progress.tokens += batch.tokens.numel()
            self.tokens_of_steps.append(batch.tokens.numel())
            last = progress.step == settings.steps
            if last or progress.step % settings.log_every == 0:
                self._log_steps()
            if last or progress.step % settings.evaluate.every == 0:
                self._evaluate()
            due = last or progress.step % settings.checkpoint.every == 0 or self._is_best()
            if due or self._ended():
                self._save()
            if len(self.unread) == LARGEST_WAIT:
                self._read_losses()

    def _ended(self) -> bool:
        """Whether the run ends before its last step."""
        stop, progress = self.spec.train.stop, self.progress
        patience = stop.patience if stop else None
        return progress.reached_at is not None or (
            patience is not None and progress.stale >= patience
        )

    def _is_best(self) -> bool:
        return self.spec.train.checkpoint.best and self.progress.best_at == self.progress.step

    def _read_losses(self) -> None:
        """Wait for the device, then read and check the losses since the last call."""
        progress = self.progress
        if self.unread:
            first = progress.step - len(self.unread) + 1
            measured = torch.stack(self.unread)
            norms = measured[:, 1].tolist()
            losses = self.processes.total(measured).tolist()  # shares add up, and norms are equal
            self.unread.clear()
            names = self.assembly.step.auxiliary
            for step, (row, norm) in enumerate(zip(losses, norms, strict=True), first):
                loss, auxiliary = row[0], dict(zip(names, row[2:], strict=True))
                self._check(step, loss, norm, auxiliary)
                progress.losses.append(loss)
                for name, value in auxiliary.items():
                    progress.auxiliary.setdefault(name, []).append(value)
        now = time.perf_counter()
        progress.train_s += now - self.clock
        progress.wall_s = self.earlier_s + now - self.started_at
        self.clock = now

    def _check(self, step: int, loss: float, norm: float, auxiliary: dict[str, float]) -> None:
        """Count an update that float16 skipped, and stop a run that diverged."""
        for name, value in auxiliary.items():
            if not math.isfinite(value):
                self._diverge(step - 1, f"at step {step} the auxiliary loss '{name}' is {value:g}")
        if math.isfinite(loss) and math.isfinite(norm):
            self.norm, self.skipped_in_a_row = norm, 0
            return
        scaled = self.assembly.precision.scaler is not None
        if not scaled or not math.isfinite(loss):
            self._diverge(
                step - 1, f"at step {step} the loss is {loss:g}, the gradient norm {norm:g}"
            )
        self.progress.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row == MOST_SKIPPED:
            self._diverge(
                step - MOST_SKIPPED,
                f"up to step {step} the updates of {MOST_SKIPPED} steps were skipped, since their "
                "gradients are not finite however small float16's loss is made",
            )

    def _log_steps(self) -> None:
        self._read_losses()
        progress = self.progress
        tokens, seconds = self.row_began
        row = self._row(
            "train",
            loss=sum(progress.losses) / len(progress.losses),
            lr=self.assembly.step.learning_rate,
            tokens=progress.tokens,
            tokens_per_s=(progress.tokens - tokens) / max(progress.train_s - seconds, 1e-9),
        )
        progress.auxiliary_means = {
            name: sum(values) / len(values) for name, values in progress.auxiliary.items()
        }
        row |= {f"loss/{name}": mean for name, mean in progress.auxiliary_means.items()}
        if math.isfinite(self.norm):
            row["gradient_norm"] = self.norm
        if self.assembly.precision.scaler is not None:
            row["skipped"] = progress.skipped
        progress.losses.clear()
        progress.auxiliary.clear()
        self.row_began = (progress.tokens, progress.train_s)
        self.watch.logged(row)

    def _evaluate(self) -> None:
        self._read_losses()
        progress, metric = self.progress, self.task.metric
        metrics = self.assembly.evaluate()
        for name, value in metrics.items():
            if not math.isfinite(value):
                self._diverge(
                    progress.step, f"the evaluation after step {progress.step} has {name} {value:g}"
                )
        value, before = metrics[metric.name], progress.best.get(metric.name)
        improved = before is None or metric.better(value, before)
        progress.stale = 0 if improved else progress.stale + 1
        if improved:  # a better one that is not kept leaves no best
            progress.best_at = progress.step if self.spec.train.checkpoint.best else None
        for name, value in metrics.items():
            better = max if self.task.higher_is_better(name) else min
            progress.best[name] = better(progress.best.get(name, value), value)
        progress.metrics = metrics
        target = self.spec.train.stop.target if self.spec.train.stop else None
        if target is not None and metric.reached(metrics[metric.name], target):
            progress.reached_at = progress.step
        self.clock = time.perf_counter()
        row = self._row("evaluation", **metrics)
        self.watch.evaluated(row)

    def _save(self) -> None:
        self._read_losses()
        self.watch.saving(self.progress.step)
        self.memory.note(self.progress)
        self.processes.on_writer(self.place.check_presence)
        self.assembly.save(self.place.checkpoints, self.progress)
        self.clock = time.perf_counter()
        self.watch.saved(self.progress.step)

    def _row(self, kind: str, **values: float) -> dict[str, Any]:
        wall_s = self.earlier_s + time.perf_counter() - self.started_at
        return {"kind": kind, "step": self.progress.step, **values, "wall_s": round(wall_s, 3)}

    def _resume(self) -> Progress:
        folder = checkpoint.latest(self.place.checkpoints)
        if folder is None:
            return Progress(run_id=self.spec.run_id, fingerprint=self.task.fingerprint)
        progress = self.assembly.load(folder)
        if progress.run_id != self.spec.run_id:
            raise RunError(
                f"{folder} is of run {progress.run_id}, and this is run {self.spec.run_id}; "
                "choose another --out"
            )
        if progress.step > self.spec.train.steps:
            raise RunError(
                f"{folder / 'state.json'} is damaged: progress.step is {progress.step:,}, and the "
                f"run has {self.spec.train.steps:,} steps; {next_step(folder)}"
            )
        if progress.fingerprint != self.task.fingerprint:
            raise RunError(
                f"the data of task '{self.task.name}' changed since {folder} was saved; put the "
                "old file back, or choose another --out to train on the new one"
            )
        return progress

    def _diverge(self, good_steps: int, what: str) -> NoReturn:
        """Stop a run that diverged: write a record of its good steps, and raise."""
        bad = self.progress.step - good_steps
        self.progress.step = good_steps
        self.progress.tokens -= sum(list(self.tokens_of_steps)[-bad:]) if bad else 0
        self._finish("diverged")
        good = checkpoint.latest(self.place.checkpoints)
        kept = f"the last good checkpoint is {good}" if good else "no checkpoint was saved before"
        raise RunError(
            f"run {self.spec.run_id} diverged: {what}; {kept}. Lower train.optimizer.lr, clip the "
            "gradient (train.clip), or warm up (train.schedule: {type: constant, warmup: 100})"
        )

    def _finish(self, status: Literal["done", "diverged"]) -> Record:
        self.progress.wall_s = self.earlier_s + time.perf_counter() - self.started_at
        self.memory.note(self.progress)
        others = self.load.others()
        record = record_of(self.spec, self.facts, self.progress, status, others)
        record = self.processes.on_writer(lambda: self._write(record))
        self.watch.finished(record)
        return record

    def _write(self, record: Record) -> Record:
        self.place.check_presence()
        write_record(self.place.record_file, record)
        return record
