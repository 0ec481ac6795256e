"""Everything one process needs to train a run: built from the spec, saved and restored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from seqzoo.errors import SpecError, counted
from seqzoo.model import LanguageModel
from seqzoo.registry.faults import naming_faults
from seqzoo.scan.used import Used
from seqzoo.spec.run import RunSpec, TrainSpec
from seqzoo.tasks import Batch, Task
from seqzoo.tasks.contract import check_task
from seqzoo.train import checkpoint
from seqzoo.train.average import Average
from seqzoo.train.device import generator_states
from seqzoo.train.distributed import Processes
from seqzoo.train.entries import compare, entries_of, misfit
from seqzoo.train.evaluate import evaluate
from seqzoo.train.groups import parameter_groups
from seqzoo.train.objective import Objective
from seqzoo.train.parallel import share
from seqzoo.train.precision import Precision
from seqzoo.train.progress import Progress
from seqzoo.train.rehearsal import rehearse
from seqzoo.train.step import TrainingStep
from seqzoo.train.streaming import check_carrying, check_streaming

__all__ = ["Assembly", "Build"]

Build = Callable[[RunSpec, int], LanguageModel]


class Assembly:
    """Task, model, optimizer and their helpers; the same on every process of the run.

    Raises:
        SpecError: the task's file is missing, sizes do not fit, or a key asks for something this
            machine or this version of torch cannot do.
    """

    def __init__(
        self, spec: RunSpec, build: Build, device: torch.device, processes: Processes
    ) -> None:
        settings = spec.train
        self.settings, self.device, self.processes = settings, device, processes
        _check_batch(settings, processes)
        with naming_faults(f"task '{spec.task.part.name}'"):
            self.task: Task = spec.task.build()
            first = check_task(self.task, settings.batch_size, spec.seed)
        self.precision = Precision(settings.precision, device)
        with naming_faults("the model"):
            self.model = build(spec, self.task.vocab_size).to(device).train()
            self.groups = parameter_groups(self.model)
        self.parameters = sum(group.size for group in self.groups)
        # Asked now: once weights are cut up among processes, no layer can run by itself.
        streams = all(mixer.streams for mixer in self.model.mixers())
        with naming_faults("the model"):
            self.state_size = self.model.state_size(self.task.length) if streams else None
            check_streaming(self.model, spec.model.width)
        if processes.rank:  # the weights are equal, dropout is not
            torch.manual_seed(_seed_of(spec.seed, processes.rank))
        self.objective = Objective(self.model, recompute=settings.activation_checkpointing)
        module = share(self.objective, processes, device, compiled=settings.compile)
        self.optimizer: torch.optim.Optimizer = settings.optimizer.build().make(self.model)
        self.average = Average(self.model, settings.ema.decay) if settings.ema else None
        self.step = TrainingStep(
            module,
            self.optimizer,
            settings.schedule.build(settings.steps),
            precision=self.precision,
            processes=processes,
            accumulate=settings.accumulate,
            clip=settings.clip,
            device=device,
        )

        check_carrying(self.task, self.model)
        self.used: tuple[Used, ...] = ()
        if not (settings.compile and processes.parallel == "fsdp2"):  # hooks would be compiled
            with naming_faults("the model"):
                self.used = rehearse(self.objective, first, self.precision, processes)

    def advance(self, batch: Batch, step: int) -> Tensor:
        """One step, counted from 0; see `TrainingStep`."""
        measured = self.step(batch, step)
        if self.average is not None:
            self.average.update(step)
        return measured

    def evaluate(self) -> dict[str, float]:
        """The task's metrics, of the averaged weights where there is an average."""
        settings = self.settings.evaluate
        with self._averaged():
            return evaluate(
                self.objective,
                self.task,
                batch_size=settings.batch_size or self.settings.batch_size,
                sequences=settings.sequences,
                device=self.device,
                precision=self.precision,
                processes=self.processes,
            )

    def save(self, root: Path, progress: Progress) -> None:
        """Write a checkpoint; model.safetensors holds the weights that are evaluated.

        Raises:
            RunError: it cannot be written.
        """
        extra = {f"scaler/{name}": each for name, each in self.precision.state().items()}
        with self._averaged():
            if self.average is not None:
                extra |= {f"weights/{name}": each for name, each in self.average.values.items()}
            state = (self.model, self.optimizer, self.device, self.settings.checkpoint.keep)
            if self.processes.parallel == "fsdp2":
                from seqzoo.train import shards  # takes a second to import

                shards.save(root, progress, *state, extra, self.processes)
                return
            generators = self.processes.gather(generator_states(self.device))
            for rank, states in enumerate(generators[1:], start=1):
                extra |= {f"generator-{rank}/{name}": each for name, each in states.items()}
            self.processes.on_writer(lambda: checkpoint.save(root, progress, *state, extra))

    def load(self, folder: Path) -> Progress:
        """Restore a checkpoint, whatever the number of processes that wrote it.

        A process that did not exist then starts a new dropout stream.

        Raises:
            RunError: it is damaged, or of another model.
        """
        state = (self.model, self.optimizer, self.device)
        with self._averaged():
            if self.processes.parallel == "fsdp2":
                from seqzoo.train import shards

                progress, extra = shards.load(folder, *state, self.processes)
            else:
                own = generator_states(self.device)
                progress, extra = checkpoint.load(folder, *state)
                if self.processes.rank:
                    prefix = f"generator-{self.processes.rank}/"
                    states = {**own, **_below(extra, prefix)}
                    checkpoint.put_back(folder / checkpoint.TRAINING, states, self.device)
            self._check_extra(folder, extra)
            if self.average is not None:
                weights = _below(extra, "weights/")
                for name, value in self.average.values.items():
                    value.copy_(weights[name])
        self.precision.restore(_below(extra, "scaler/"))
        return progress

    def _check_extra(self, folder: Path, extra: dict[str, Tensor]) -> None:
        """Check that a checkpoint has the average and the scaler that this run needs.

        Raises:
            RunError: an entry is missing, unknown, of another shape or dtype, or no factor.
        """
        wanted: dict[str, Tensor] = {}
        if self.average is not None:
            wanted |= {f"weights/{name}": each for name, each in self.average.values.items()}
        wanted |= {f"scaler/{name}": each for name, each in self.precision.state().items()}
        found = {name: each for name, each in extra.items() if not name.startswith("generator-")}
        path = folder / checkpoint.TRAINING
        compare(
            path,
            {f"extra/{name}": each for name, each in entries_of(found).items()},
            {f"extra/{name}": each for name, each in entries_of(wanted).items()},
        )
        scale = extra.get("scaler/scale")
        if scale is not None and not (torch.isfinite(scale) and scale > 0):
            raise misfit(path, f"'extra/scaler/scale' is {scale:g}, expected a factor above 0")

    def _averaged(self) -> AbstractContextManager[None]:
        return self.average.in_place() if self.average is not None else nullcontext()


def _check_batch(settings: TrainSpec, processes: Processes) -> None:
    """Check that every process gets the same number of rows in every micro-batch."""
    if settings.batch_size % (processes.size * settings.accumulate):
        micro = f" x accumulate {settings.accumulate}" if settings.accumulate > 1 else ""
        raise SpecError(
            f"train.batch_size: {counted(settings.batch_size, 'sequence')}, the whole batch, "
            f"cannot be cut evenly among {processes.size} processes{micro}; choose a multiple of "
            f"{processes.size * settings.accumulate}, or another number of processes"
        )


def _seed_of(seed: int, rank: int) -> int:
    digest = hashlib.blake2b(f"dropout/{seed}/{rank}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big")


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
