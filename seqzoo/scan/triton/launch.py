"""The one way a kernel is started, and how starts are recorded for compilation ahead of time.

The launchers, ordinary Python, pick configurations, allocate results and call `launch`. Run inside
`record_launches` on tensors of the meta device they start nothing: what a real call would compile
is noted instead, bound and specialised by Triton's own code, so that compiling ahead of time covers
exactly what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from seqzoo.scan.triton.architecture import (
    architecture_is,
    architecture_of,
    capability,
    check_architecture,
)
from seqzoo.scan.triton.available import interpreting
from seqzoo.scan.triton.configs import Config

Argument = Tensor | int | float | bool | str | None
"""A pointer, a size, a number, or a constexpr's value; a pointer may be None."""


class Kernel(Protocol):
    """What `triton.jit` makes of a function."""

    @property
    def __name__(self) -> str:
        """The function's name."""
        ...

    @property
    def arg_names(self) -> list[str]:
        """Its parameters' names."""
        ...

    def __getitem__(self, grid: tuple[int, ...], /) -> Any:
        """The kernel with its grid, to be called with its arguments."""
        ...


@dataclass(frozen=True)
class Launch:
    """What one start of a kernel has compiled, in a form that goes to other processes.

    Args:
        module: where the kernel's function is.
        name: the function's name, and the kernel's.
        target: the architecture it is compiled for.
        signature: (parameter, type) each, as Triton writes types.
        constants: (position, value) of each constexpr, None pointers and ones among them.
        attributes: (position, attributes) of each argument known to be a multiple of 16.
        config: tiles, warps and stages.
        grid: the number of programs; that of the first launch met, as it has no part in
            compilation, no more than the next two.
        sizes: (tensor, its bytes) each.
        numbers: (parameter, its value) of each size and number.
    """

    module: str
    name: str
    target: str
    signature: tuple[tuple[str, str], ...]
    constants: tuple[tuple[tuple[int, ...], Any], ...]
    attributes: tuple[tuple[tuple[int, ...], tuple[tuple[str, int], ...]], ...]
    config: Config = field(hash=False)
    grid: tuple[int, ...] = field(compare=False)
    sizes: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    numbers: tuple[tuple[str, int | float], ...] = field(default=(), compare=False)


_recording: tuple[str, dict[Launch, None]] | None = None
_watcher: Callable[[str, Callable[[], None]], None] | None = None


def launch(
    kernel: Kernel, grid: tuple[int, ...], arguments: Mapping[str, Argument], config: Config
) -> None:
    """Starts a kernel on its tensors' device.

    Args:
        kernel: a function under `triton.jit`.
        grid: the number of programs on one to three axes; with a 0 among them nothing is started.
        arguments: by the names of the kernel's parameters, all but the tiles.
        config: its tiles are passed as constexpr parameters of the same names.
    """
    if 0 in grid:
        return
    if _recording is not None:
        target, launches = _recording
        launches.setdefault(bound_launch(kernel, grid, arguments, config, target))
        return
    device = next(value.device for value in arguments.values() if isinstance(value, Tensor))
    options = config.options(architecture_of(device))

    def start() -> None:
        if device.type == "cuda" and device.index != torch.cuda.current_device():
            with torch.cuda.device(device):
                kernel[grid](**arguments, **config.tiles, **options)
        else:
            kernel[grid](**arguments, **config.tiles, **options)

    if _watcher is None:
        start()
    else:
        _watcher(kernel.__name__, start)


@contextmanager
def record_launches(target: str) -> Iterator[dict[Launch, None]]:
    """Inside, no kernel starts; each distinct launch is a key of the mapping, in order.

    Args:
        target: the architecture to compile for, such as sm_90.

    Raises:
        ValueError: no such target, or kernels are interpreted in this process.
    """
    global _recording
    if interpreting():
        raise ValueError(
            "with TRITON_INTERPRET=1 kernels are not compiled, so no launch can be recorded; "
            "unset it"
        )
    launches: dict[Launch, None] = {}
    before, _recording = _recording, (check_architecture(target), launches)
    try:
        with architecture_is(target):
            yield launches
    finally:
        _recording = before


@contextmanager
def watch_launches(watcher: Callable[[str, Callable[[], None]], None]) -> Iterator[None]:
    """Inside, `watcher(name, start)` is called in place of a start; `start()` is that start, and
    may be called again."""
    global _watcher
    before, _watcher = _watcher, watcher
    try:
        yield
    finally:
        _watcher = before


@contextmanager
def note_kernels() -> Iterator[dict[str, None]]:
    """Inside, kernels start as ever; the name of each is a key of the mapping, in order."""
    names: dict[str, None] = {}

    def note(name: str, start: Callable[[], None]) -> None:
        names.setdefault(name)
        start()

    with watch_launches(note):
        yield names


@dataclass(frozen=True)
class _Pointer:
    """Stands for a tensor without storage: its dtype, and its offset from an aligned address."""

    dtype: torch.dtype
    offset: int

    def data_ptr(self) -> int:
        return self.offset


def bound_launch(
    kernel: Any,
    grid: tuple[int, ...],
    arguments: Mapping[str, Argument],
    config: Config,
    target: str,
) -> Launch:
    """What one start has compiled: binds the arguments as `kernel.run` does, by parts of Triton
    alike in 3.6, 3.7 and 3.9."""
    from triton.compiler import make_backend
    from triton.runtime.jit import create_function_from_signature

    backend = make_backend(gpu_target(target))
    bind = create_function_from_signature(kernel.signature, kernel.params, backend)
    values: dict[str, Any] = {
        name: _Pointer(value.dtype, int(value.storage_offset()) * value.element_size())
        if isinstance(value, Tensor)
        else value
        for name, value in arguments.items()
    }
    options = config.options(target)
    bound, specialization, options = bind(**values, **config.tiles, **options)
    _, signature, constants, attributes = kernel._pack_args(
        backend, options, bound, specialization, options
    )
    return Launch(
        kernel.fn.__module__,
        kernel.fn.__name__,
        target,
        tuple(signature.items()),
        tuple(constants.items()),
        tuple((at, tuple(map(tuple, given))) for at, given in attributes.items() if given),
        config,
        tuple(grid),
        tuple(
            (n, x.numel() * x.element_size()) for n, x in arguments.items() if isinstance(x, Tensor)
        ),
        tuple((n, x) for n, x in arguments.items() if isinstance(x, int | float)),
    )


def gpu_target(name: str) -> Any:
    """Triton's own form of an architecture's name."""
    from triton.backends.compiler import GPUTarget

    number = capability(name)
    return GPUTarget("hip", name, 64) if number is None else GPUTarget("cuda", number, 32)
