"""Find problems that only a build shows: build each distinct model without its values.

Small models are built with their values too, and run on one row of their task.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from seqzoo.errors import BackendError, Problem, RunError, SeqzooError, SpecError
from seqzoo.grid.labels import value_label
from seqzoo.model import LanguageModel, build_model
from seqzoo.model.result import ResultError
from seqzoo.registry.faults import fault_of
from seqzoo.spec.run import RunSpec
from seqzoo.tasks import Batch, Task
from seqzoo.tasks.contract import check_sizes, check_task
from seqzoo.train.device import choose_device
from seqzoo.train.objective import Objective
from seqzoo.train.precision import Precision
from seqzoo.train.rehearsal import rehearse
from seqzoo.train.streaming import check_carrying, check_streaming

__all__ = ["BOUND", "judge", "label_of", "least_memory"]

BOUND = 2**40  # bytes: no machine's main memory, let alone a GPU's
SMALL = 2**30  # bytes: what may be built with numbers, where a part looks at them
MOST_BUILT = 200  # distinct models of one grid
BLOCKS = 32  # of a deeper model that are built
MOST_ROWS = 4  # of a batch that a task is asked for
MOST_WORK = 2**29  # parameters x tokens of a model that is run on a row
MOST_RUN = 50  # distinct models of one grid

Size = tuple[str, int]  # what takes the bytes, and how many it takes at least


def judge(file: str, runs: Iterable[tuple[RunSpec, str]]) -> list[Problem]:
    """The problems of specs that pass validation.

    Args:
        file: the file that problems name.
        runs: specs, each with a label that distinguishes it; "" for a single run.

    Returns:
        Sizes that exceed any memory, and refusals by tasks and models when built; each once.
    """
    problems: dict[str, Problem] = {}
    seen = set()
    for spec, label in runs:
        key = spec.model, spec.task, spec.train.batch_size // spec.train.accumulate
        if key in seen:
            continue
        seen.add(key)
        for path, what in _wrong_with(spec, len(seen)):
            told = f"{what} (in {label})" if label else what
            problems.setdefault(what, Problem(file, path, told))
    return list(problems.values())


def label_of(variant: str, point: dict[str, Any]) -> str:
    """The name of a grid's cell in messages."""
    parts = [f"variant '{variant}'"] if variant else []
    return ", ".join([*parts, *(f"{path}={value_label(value)}" for path, value in point.items())])


def _wrong_with(spec: RunSpec, number: int) -> list[tuple[str, str]]:
    """The problems of a spec; for a grid's first specs also those that running the model shows."""
    vocab_size, length = (getattr(spec.task, key, None) for key in ("vocab_size", "length"))
    if too_much := _too_much(least_memory(spec, _size(vocab_size), _size(length))):
        return [too_much]
    if number > MOST_BUILT:
        return []
    batch: Batch | None = None
    try:
        task: Task = spec.task.build()
        check_sizes(task)
        vocab_size, length = task.vocab_size, task.length
        needed = least_memory(spec, vocab_size, length)
        if too_much := _too_much(needed):
            return [too_much]
        if sum(size for _, size in needed) <= SMALL:
            batch = check_task(task, min(spec.train.batch_size, MOST_ROWS), spec.seed)
    except Exception as failure:  # a task of a plugin may fail in any way
        return _told("task", spec.task.part.name, failure)
    try:
        model, share = _without_numbers(spec, vocab_size, sum(size for _, size in needed))
    except Exception as failure:  # so may a mixer
        return _told("model", "the model", failure)
    if model is None:
        return []
    try:
        check_carrying(task, model)
    except SpecError as failure:
        return _told("task", "", failure)
    weights = int(16 * _count(model) * share)
    if too_much := _too_much([("weights, gradients and moments", weights)]):
        return [too_much]
    if batch is not None and number <= MOST_RUN and weights // 16 * length <= MOST_WORK:
        return _wrong_with_a_row(spec, vocab_size, batch)
    return []


def _wrong_with_a_row(spec: RunSpec, vocab_size: int, batch: Batch) -> list[tuple[str, str]]:
    """The problems of layers that can be built: wrong shapes, growing decays, errors of their own.

    Other refusals are reported only if the run itself would be on the CPU: the row is tried there,
    where GPU kernels refuse to run.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            model = build_model(spec, vocab_size=vocab_size)
            check_streaming(model, spec.model.width)
            rehearse(Objective(model), batch, Precision("float32", torch.device("cpu")))
        except (ResultError, RunError) as failure:
            return _told("model", "", failure)
        except (SpecError, BackendError) as failure:
            return _told("model", "", failure) if _trains_here_on_the_cpu(spec) else []
        except Exception as failure:
            fault = fault_of(failure)
            return [("model", f"the model fails on a row of its task: {fault}")]
    return []


def _trains_here_on_the_cpu(spec: RunSpec) -> bool:
    try:
        return choose_device(spec.train.device).type == "cpu"
    except SpecError:  # a GPU that another machine has
        return False


def least_memory(spec: RunSpec, vocab_size: int, length: int) -> list[Size]:
    """A lower bound on the memory of training, whatever the parts: float32, AdamW."""
    tokens = spec.train.batch_size // spec.train.accumulate * length
    width = spec.model.width
    tables = 1 if spec.model.tie_embeddings else 2
    sizes = [
        ("embedding and head with gradients and moments", 16 * tables * vocab_size * width),
        ("scores of a micro-batch", 4 * tokens * vocab_size),
        ("inputs of the blocks", 4 * tokens * width * _blocks(spec)),
        ("norms of the blocks", 16 * width * _blocks(spec)),
    ]
    if isinstance(test_size := getattr(spec.task, "test_size", None), int):
        sizes.append(("the test set", 8 * test_size * length))
    return sizes


def _too_much(sizes: list[Size]) -> tuple[str, str] | None:
    what, size = max(sizes, key=lambda each: each[1])
    if size <= BOUND:
        return None
    path = "task" if what == "the test set" else "model"
    return path, (
        f"{what}: at least {size / 2**40:,.1f} TiB, and more than {BOUND // 2**40} TiB is "
        "refused; a size of the model, the task or the batch is too large"
    )


def _without_numbers(
    spec: RunSpec, vocab_size: int, least: int
) -> tuple[LanguageModel | None, float]:
    """The model on the meta device (a deep one by its first blocks) and blocks per built block.

    None for a model too large to build in which a part needs actual values.
    """
    built = spec
    if isinstance(spec.model.layers, int) and spec.model.layers > BLOCKS:
        shallow = spec.model.model_copy(update={"layers": BLOCKS})
        built = spec.model_copy(update={"model": shallow})
    share = _blocks(spec) / _blocks(built)
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return build_model(built, vocab_size=vocab_size), share
        except (NotImplementedError, RuntimeError):
            if least > SMALL:
                return None, share
            return build_model(built, vocab_size=vocab_size), share


def _blocks(spec: RunSpec) -> int:
    layers = spec.model.layers
    return layers if isinstance(layers, int) else sum(group.repeat for group in layers)


def _count(model: LanguageModel) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _size(value: Any) -> int:
    return value if isinstance(value, int) else 1


def _told(path: str, name: str, failure: Exception) -> list[tuple[str, str]]:
    if isinstance(failure, SpecError):
        return [
            (".".join(filter(None, (path, each.path))), f"{each.what}; {each.hint}".rstrip("; "))
            for each in failure.problems
        ]
    if isinstance(failure, SeqzooError):
        return [(path, str(failure))]
    if "Overflow when unpacking" in str(failure):
        return [(path, f"{name} cannot be built: one of its sizes does not fit into 64 bits")]
    return [(path, f"{name} cannot be built: {fault_of(failure)}")]
