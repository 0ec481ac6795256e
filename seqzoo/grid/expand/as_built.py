"""What a run reads of its spec: two runs that read the same end with the same result.

A model is built with its values and run on one row: in training, backwards too, in evaluation, and
in two pieces where it carries a state. What counts as read of `model` is what its modules look up
meanwhile, their initial values, and how an optimizer treats them. Of an optimizer its groups count,
of a schedule its factors.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Any

import torch
from torch import nn

from seqzoo.grid.expand.readings import Readings, digest, watching
from seqzoo.model import LanguageModel, build_model
from seqzoo.spec import PartSpec
from seqzoo.spec.model import ModelSpec
from seqzoo.spec.run import BESIDE, RunSpec, run_id_of
from seqzoo.tasks import Batch, Task
from seqzoo.train.groups import parameter_groups
from seqzoo.train.objective import Objective

__all__ = ["AsBuilt"]

MOST_PARAMETERS = 2**22
MOST_WORK = 2**29  # parameters x tokens of a row
MOST_WORK_IN_ALL = 2**33  # of a grid; beyond it, models are taken at their word
MOST_ROWS = 4  # of a batch that a task is asked for
MOST_TOKENS = 2**25  # of these rows, and of a test set
MOST_STEPS = 20_000  # of a schedule


class AsBuilt:
    """Finds out what runs read, and caches it. Torch's random state is left unchanged.

    Args:
        at_most: the most distinct models to build; any others are judged by their specs alone.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._work = 0
        self._models: dict[tuple[ModelSpec, PartSpec, int], tuple[str, str] | None] = {}
        self._optimizers: dict[tuple[ModelSpec, PartSpec, PartSpec], str | None] = {}
        self._schedules: dict[tuple[PartSpec, int], str | None] = {}
        self._tasks: dict[tuple[PartSpec, int], tuple[int, list[Batch]] | None] = {}
        self._last: tuple[object, tuple[LanguageModel, list[Batch]] | None] | None = None

    def effective_id(self, spec: RunSpec) -> str:
        """A hash of what a run reads: equal for runs that end with the same bits.

        Where that cannot be determined (a large model, a task whose file is missing), the spec
        itself is hashed, with its layers written out one by one.
        """
        facts = spec.resolved()
        facts["train"] = {k: v for k, v in facts["train"].items() if f"train.{k}" not in BESIDE}
        read = self._model(spec)
        if read is None:
            named = {k: v for k, v in facts["model"].items() if k not in ("mixer", "mlp")}
            named["layers"] = [block.model_dump(mode="json") for block in spec.model.blocks()]
            facts["model"] = named
        else:
            facts["model"] = read
            facts["train"]["optimizer"] = self._optimizer(spec) or facts["train"]["optimizer"]
        facts["train"]["schedule"] = self._schedule(spec) or facts["train"]["schedule"]
        return run_id_of(facts)

    def _model(self, spec: RunSpec) -> tuple[str, str] | None:
        key = (spec.model, spec.task, spec.train.batch_size)
        if key not in self._models:
            found = None
            if len(self._models) < self._at_most and (made := self._made(spec)) is not None:
                model, rows = made
                found = _read_of(model, rows, recompute=spec.train.activation_checkpointing)
            self._models[key] = found
        return self._models[key]

    def _optimizer(self, spec: RunSpec) -> str | None:
        """What matters of the optimizer: its class and its groups."""
        key = (spec.model, spec.task, spec.train.optimizer)
        if key not in self._optimizers:
            made = self._made(spec)
            self._optimizers[key] = None if made is None else _groups(spec, made[0])
        return self._optimizers[key]

    def _schedule(self, spec: RunSpec) -> str | None:
        key = (spec.train.schedule, spec.train.steps)
        if key not in self._schedules:
            self._schedules[key] = _factors(spec)
        return self._schedules[key]

    def _made(self, spec: RunSpec) -> tuple[LanguageModel, list[Batch]] | None:
        """The model, and the rows it runs on; the last one is kept for its other optimizers."""
        key = (spec.model, spec.task, spec.train.batch_size)
        if self._last is None or self._last[0] != key:
            self._last = (key, self._make(spec))
        return self._last[1]

    def _make(self, spec: RunSpec) -> tuple[LanguageModel, list[Batch]] | None:
        """A model, always with the same initial values, and the rows it runs on."""
        task = self._task(spec)
        if task is None or spec.model.width > 2**12:
            return None
        vocab_size, rows = task
        if vocab_size * spec.model.width > MOST_PARAMETERS:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                if (count := _count(spec, vocab_size)) > MOST_PARAMETERS:
                    return None
                work = count * max(row.tokens.numel() for row in rows)
                self._work += work
                if work > MOST_WORK or self._work > MOST_WORK_IN_ALL:
                    return None
                return build_model(spec, vocab_size=vocab_size), rows
            except Exception:  # a part of a plugin may fail in any way; `check` says how
                return None

    def _task(self, spec: RunSpec) -> tuple[int, list[Batch]] | None:
        """The vocabulary, one training row and one test row."""
        key = (spec.task, min(spec.train.batch_size, MOST_ROWS))
        if key not in self._tasks:
            try:
                length, tests = (getattr(spec.task, name, 1) for name in ("length", "test_size"))
                if length * max(tests or 1, MOST_ROWS) > MOST_TOKENS:
                    raise ValueError("a task too large to draw from here")
                task: Task = spec.task.build()
                first = task.train_batch(key[1], 0, 0).rows(0, 1)
                test = next(iter(task.test_batches(1)))
                self._tasks[key] = (int(task.vocab_size), [first, test])
            except Exception:  # so may a task
                self._tasks[key] = None
        return self._tasks[key]


def _count(spec: RunSpec, vocab_size: int) -> int:
    """Number of parameters, counted without allocating them."""
    with torch.device("meta"):
        model = build_model(spec, vocab_size=vocab_size)
    return sum(parameter.numel() for parameter in model.parameters())


def _read_of(model: LanguageModel, rows: list[Batch], *, recompute: bool) -> tuple[str, str] | None:
    """What a model looks up while it runs, and its initial values with their optimizer groups."""
    treatments = {
        name: (group.decay, group.lr) for group in parameter_groups(model) for name in group.names
    }
    values = [
        (name, treatments.get(name), tuple(value.shape), str(value.dtype), digest(value))
        for name, value in (*model.named_parameters(), *model.named_buffers())
    ]
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            readings = _run(Objective(model, recompute=recompute), rows)
    except Exception:  # a part of a plugin may fail in any way, here as in training
        return None
    return readings.of(model), hashlib.sha256(repr(values).encode()).hexdigest()


def _run(objective: Objective, rows: list[Batch]) -> Readings:
    model = objective.model
    streams = all(mixer.streams for mixer in model.mixers())
    trained, tested = rows
    with watching() as readings:
        objective.train()
        positions, targets = trained.labelled()
        loss, auxiliary = objective(
            trained.tokens, targets, positions, trained.negatives, trained.cu_seqlens
        )
        torch.stack([loss, *auxiliary.values()]).sum().backward()  # settings may act in its hooks
        objective.eval()
        with torch.no_grad():
            for row in rows:
                objective.scores(row.tokens, None, row.labelled()[0], row.cu_seqlens)
            if streams and tested.cu_seqlens is None:
                cut = tested.tokens.shape[1] // 2
                _, state = model.hidden(tested.tokens[:, :cut])
                _, state = model.hidden(tested.tokens[:, cut:], state)
                model.hidden(tested.tokens[:, :1], state)
                model.state_size(tested.tokens.shape[1])
    return readings


def _groups(spec: RunSpec, model: nn.Module) -> str | None:
    try:
        optimizer: torch.optim.Optimizer = spec.train.optimizer.build().make(model)
    except Exception:
        return None
    if not type(optimizer).__module__.startswith("torch.optim."):
        return None  # its groups may not be all that it looks at
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    told: list[Any] = [type(optimizer).__module__, type(optimizer).__qualname__]
    for group in optimizer.param_groups:
        settings = {key: value for key, value in group.items() if key != "params"}
        if not all(_is_plain(value) for value in settings.values()):
            return None
        told.append(([names[id(each)] for each in group["params"]], sorted(settings.items())))
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _factors(spec: RunSpec) -> str | None:
    """All factors of the schedule over the run."""
    steps = spec.train.steps
    if steps > MOST_STEPS:
        return None
    try:
        schedule = spec.train.schedule.build(steps)
        factors = [schedule.factor(step) for step in range(steps)]
    except Exception:
        return None
    return hashlib.sha256(repr(factors).encode()).hexdigest()
