"""What flash-linear-attention's kernels cost on a GPU that need not be there, counted as ours are.

Its functions are called on meta tensors in processes of their own that take themselves for such a
GPU: what they would start is recorded, compiled and counted. Where its autotuner would time several
configurations, at most `MOST` of them are counted, and the one that the model finds fastest stands
for the kernel.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch

from seqzoo.scan.triton.aot.compile import without_interpreter
from seqzoo.scan.triton.aot.cost import PROBLEMS, KernelCost, Pass, Shape, launch_cost
from seqzoo.scan.triton.aot.gpu_model import GPUS
from seqzoo.scan.triton.architecture import SHARED_KIB, capability
from seqzoo.scan.triton.configs import Config
from seqzoo.scan.triton.launch import Launch, bound_launch, gpu_target

MOST = 6
"""Configurations that are counted of a kernel, spread evenly over those its autotuner has."""

FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "linear": ("linear_attn", "chunk_linear_attn"),
    "decay": ("simple_gla", "chunk_simple_gla"),
    "gla": ("gla", "chunk_gla"),
    "delta": ("delta_rule", "chunk_delta_rule"),
    "gated-delta": ("gated_delta_rule", "chunk_gated_delta_rule"),
    "kda": ("kda", "chunk_kda"),
}
"""Its function of the same recurrence: where under fla.ops, and its name."""


@dataclass(frozen=True)
class Start:
    """A kernel that would be started: a launch for each configuration, the first ones first."""

    direction: Pass
    candidates: tuple[Launch, ...]


def installed() -> bool:
    """Whether fla can be counted here."""
    return importlib.util.find_spec("fla") is not None


def peer_costs(
    target: str,
    problem: str,
    shape: Shape | None = None,
    dtype: torch.dtype = torch.bfloat16,
    workers: int | None = None,
) -> list[KernelCost]:
    """Every kernel of a call's forward and backward pass, in the order in which they start; none
    where fla has no function of the problem.

    Args:
        target: an architecture of NVIDIA's that `gpu_model.GPUS` has numbers for.
        problem: a name of `cost.PROBLEMS`.
        shape: of the call.
        dtype: of queries, keys and values.
        workers: processes that compile; None is as many as the process may use cores.
    """
    if problem not in FUNCTIONS:
        return []
    shape = Shape() if shape is None else shape
    workers = workers or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _pretend, (target,)) as pool:
        with without_interpreter():  # processes start while tasks are handed in
            starts = pool.submit(_starts, target, problem, shape, dtype).result()
            pending = [
                [pool.submit(_cost, x, problem, start.direction, shape) for x in start.candidates]
                for start in starts
            ]
        found = [[row for each in of if (row := each.result()) is not None] for of in pending]
    return [min(rows, key=lambda row: row.seconds) for rows in found if rows]


def _cost(launch: Launch, problem: str, direction: Pass, shape: Shape) -> KernelCost | None:
    """None where it does not compile or needs more shared memory than there is: an autotuner would
    pass it over."""
    try:
        row = launch_cost(launch, f"{problem}, fla", direction, shape)
    except Exception:  # whatever a compiler raises
        return None
    fits = row.shared_bytes <= SHARED_KIB[launch.target] * 1024
    return replace(row, config=str(launch.config)) if fits else None


def _pretend(target: str) -> None:
    """Makes this process take itself for one with such a GPU, before fla is imported."""
    import triton

    major, minor = divmod(capability(target) or 0, 10)
    gpu, shared = GPUS[target], SHARED_KIB[target] * 1024
    facts = {"multiprocessor_count": gpu.multiprocessors, "max_shared_mem": shared, "warpSize": 32}
    driver = SimpleNamespace(
        get_current_target=lambda: gpu_target(target),
        get_current_device=lambda: 0,
        get_current_stream=lambda device: 0,
        utils=SimpleNamespace(get_device_properties=lambda index: facts),
    )
    triton.runtime.driver.set_active(driver)  # type: ignore[arg-type]
    properties = SimpleNamespace(
        name=gpu.name,
        major=major,
        minor=minor,
        multi_processor_count=gpu.multiprocessors,
        shared_memory_per_block=shared,
        shared_memory_per_block_optin=shared,
    )
    torch.cuda.get_device_name = lambda device=None: f"NVIDIA {gpu.name}"
    torch.cuda.get_device_capability = lambda device=None: (major, minor)
    torch.cuda.get_device_properties = lambda device=None: properties  # type: ignore[assignment]
    torch.cuda.device_count = lambda: 1
    torch.cuda.current_device = lambda: 0
    os.environ["FLA_DISABLE_BACKEND_DISPATCH"] = "1"  # its Triton kernels, not others' in place


def _starts(target: str, problem: str, shape: Shape, dtype: torch.dtype) -> list[Start]:
    """What a call would start."""
    package, name = FUNCTIONS[problem]
    function = getattr(importlib.import_module(f"fla.ops.{package}"), name)
    inputs = _inputs(problem, shape, dtype)
    with _Recording(target) as recording:
        recording.direction = "forward"
        outputs = function(**inputs)[0]
        recording.direction = "backward"
        given = [x for x in inputs.values() if isinstance(x, torch.Tensor)]
        torch.autograd.grad(outputs, given, torch.empty_like(outputs))
    return recording.starts


def _inputs(problem: str, shape: Shape, dtype: torch.dtype) -> dict[str, Any]:
    kind, tokens = PROBLEMS[problem], (shape.batch, shape.time, shape.heads)

    def leaf(*trailing: int, dtype: torch.dtype = dtype) -> torch.Tensor:
        return torch.empty(*tokens, *trailing, dtype=dtype, device="meta", requires_grad=True)

    inputs: dict[str, Any] = {
        "q": leaf(shape.key_size),
        "k": leaf(shape.key_size),
        "v": leaf(shape.value_size),
        "scale": 1.0,
    }
    if kind.decay == "head":
        inputs["g"] = leaf(dtype=torch.float32)
    elif kind.decay == "channel":
        inputs["g"] = leaf(shape.key_size)
    if kind.erase == "tied":
        inputs["beta"] = leaf()
    if problem == "linear":
        inputs["normalize"] = False
    return inputs


class _Recording:
    """Inside, kernels are noted in place of started, every configuration of an autotuned one."""

    def __init__(self, target: str) -> None:
        self.direction: Pass = "forward"
        self.starts: list[Start] = []
        self._target = target
        self._candidates: list[Launch] | None = None

    def __enter__(self) -> _Recording:
        from triton.runtime.autotuner import Autotuner
        from triton.runtime.jit import JITFunction

        self._before: tuple[Callable[..., Any], Callable[..., Any]] = Autotuner.run, JITFunction.run
        Autotuner.run = lambda tuner, *args, **given: self._tuned(tuner, args, given)  # type: ignore[method-assign]
        JITFunction.run = lambda kernel, *args, **given: self._started(kernel, args, given)  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        from triton.runtime.autotuner import Autotuner
        from triton.runtime.jit import JITFunction

        Autotuner.run, JITFunction.run = self._before  # type: ignore[method-assign]

    def _tuned(self, tuner: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        tuner.nargs = dict(zip(tuner.arg_names, args, strict=False))
        configs = tuner.prune_configs(given)
        apart = max(1, -(-len(configs) // MOST))
        self._candidates = []
        for config in configs[::apart]:
            tuner.fn.run(*args, **given, **config.all_kwargs())
        self.starts.append(Start(self.direction, tuple(self._candidates)))
        self._candidates = None

    def _started(self, kernel: Any, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        grid = given.pop("grid")
        given.pop("warmup", None)
        arguments = dict(zip(kernel.arg_names, args, strict=False))
        arguments |= {name: x for name, x in given.items() if name in kernel.arg_names}
        warps, stages = given.get("num_warps", 4), given.get("num_stages", 3)
        config = Config(warps, stages, {}, given.get("maxnreg"))
        programs: Any = grid(arguments) if callable(grid) else grid
        launch = bound_launch(kernel, tuple(programs), arguments, config, self._target)
        if self._candidates is None:
            self.starts.append(Start(self.direction, (launch,)))
        else:
            self._candidates.append(launch)
