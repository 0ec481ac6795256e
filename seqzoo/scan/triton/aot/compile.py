"""Compile kernels ahead of time, without a GPU, and read what they use.

Each launch of the catalogue is compiled by `triton.compile` in a process without
TRITON_INTERPRET: processes are spawned, so that the caller's own choice does not matter. Registers,
spills and shared memory are read from the machine code: on NVIDIA by the cuobjdump that comes with
Triton, on AMD from the assembly's metadata.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from seqzoo.scan.triton.aot.catalogue import catalogue_with, recorded
from seqzoo.scan.triton.architecture import SHARED_KIB, capability, check_architecture
from seqzoo.scan.triton.configs import kernel_named
from seqzoo.scan.triton.launch import Launch, gpu_target

_MATRIX = re.compile(r"\b(?:mma\.sync|wgmma\.mma_async|tcgen05\.mma|v_s?mfmac?_)")
_USAGE = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)")

WITHOUT_SPILLS = ("sm_80", "sm_90", "sm_100", "gfx942")
"""Targets that the table is made for: a spilled register is an error. Elsewhere it is reported."""


@dataclass(frozen=True)
class Compiled:
    """The result of compiling one launch.

    Attributes:
        kernel: its name.
        target: the architecture.
        config: tiles, warps and stages.
        variant: dtypes and constants, which tell apart the launches of one configuration.
        registers: a thread.
        spill_bytes: a thread, in local memory.
        shared_bytes: a program.
        shared_limit: the most a program may have.
        matrix_instructions: how many instructions of the matrix unit stand in the code.
        error: why it did not compile, or None.
    """

    kernel: str
    target: str
    config: str
    variant: str
    registers: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0
    shared_limit: int = 0
    matrix_instructions: int = 0
    error: str | None = None

    @property
    def failure(self) -> str | None:
        """Why it must not be shipped, or None."""
        if self.error is not None:
            return self.error
        if self.spill_bytes and self.target in WITHOUT_SPILLS:
            return f"spills {self.spill_bytes} bytes a thread"
        if self.shared_bytes > self.shared_limit:
            return f"{self.shared_bytes} bytes of shared memory, and {self.shared_limit} are there"
        return None


def compile_catalogue(
    targets: Sequence[str],
    kernel: str | None = None,
    workers: int | None = None,
    representative: bool = False,
    plugins: Iterable[str] = (),
) -> Iterator[Compiled]:
    """Compiles every launch of the catalogue, in parallel, in the order in which they are done.

    Args:
        targets: architectures.
        kernel: only the kernel of this name, with or without `_kernel` at its end.
        workers: how many processes; None is as many as the process may use cores.
        representative: only so many launches that each kernel has been compiled for each target,
            and for one target or another in every one of its configurations and with every dtype
            and constant that a parameter of it may have, if not with every combination of them.
        plugins: modules of plugins' kernels, see `catalogue`.

    Raises:
        ValueError: no such target or kernel.
    """
    for target in targets:
        check_architecture(target)
    cases, tables = catalogue_with(plugins)
    kernel = None if kernel is None else kernel_named(kernel, tables)
    workers = workers or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        with without_interpreter():  # processes start while tasks are handed in
            launches = [x for found in pool.map(recorded, targets, repeat(cases)) for x in found]
            chosen = [launch for launch in launches if kernel in (None, launch.name)]
            if representative:
                chosen = list(representatives(chosen))
            pending = {pool.submit(compile_launch, launch): launch for launch in chosen}
        for done in as_completed(pending):
            try:
                yield done.result()
            except BrokenProcessPool:
                yield _failed(pending[done], "the compiler ended its process")


def compile_launch(launch: Launch) -> Compiled:
    """Compiles one launch in this process, or takes it from Triton's cache."""
    try:
        compiled = compiled_launch(launch)
        text, registers, spilled = usage(launch.target, compiled.asm)
    except Exception as error:  # whatever a compiler raises is the row's error
        return _failed(launch, f"{type(error).__name__}: {error}".strip())
    return Compiled(
        launch.name,
        launch.target,
        str(launch.config),
        variant(launch),
        registers,
        spilled,
        compiled.metadata.shared,
        SHARED_KIB[launch.target] * 1024,
        len(_MATRIX.findall(text)),
    )


def compiled_launch(launch: Launch) -> Any:
    """Triton's own compiled kernel: its metadata, and its code in every form."""
    import triton
    from triton.compiler import ASTSource
    from triton.runtime.jit import JITFunction

    function = getattr(importlib.import_module(launch.module), launch.name)
    while not isinstance(function, JITFunction):  # what chooses tiles stands around the kernel
        function = function.fn
    attributes = {at: [list(pair) for pair in given] for at, given in launch.attributes}
    source = ASTSource(function, dict(launch.signature), dict(launch.constants), attributes)
    options = launch.config.options(launch.target)
    return triton.compile(source, target=gpu_target(launch.target), options=options)


def variant(launch: Launch) -> str:
    """Pointers' dtypes and constants that are not tiles, in the order of the parameters."""
    names = [name for name, _ in launch.signature]
    pointers = [kind[1:] for _, kind in launch.signature if kind.startswith("*")]
    constants = [
        f"{names[at[0]]}={value}"
        for at, value in launch.constants
        if names[at[0]] not in launch.config.tiles
    ]
    multiples = [names[at[0]] for at, _ in launch.attributes if launch.signature[at[0]][1] == "i32"]
    words = [*dict.fromkeys(pointers), *constants, *(f"{name}%16" for name in multiples)]
    return " ".join(words)


@contextmanager
def without_interpreter() -> Iterator[None]:
    """Inside, processes that start do not interpret kernels."""
    before = os.environ.pop("TRITON_INTERPRET", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["TRITON_INTERPRET"] = before


def representatives(launches: Iterable[Launch]) -> Iterator[Launch]:
    """Few launches that have between them all traits of all, the same ones in each run.

    The cover is greedy: next is the launch with most of what is still missing, among equals one for
    the target that has fewest, and then the first.
    """
    taken = Counter[str]()
    traits = {launch: _traits(launch) for launch in dict.fromkeys(launches)}
    missing = set().union(*traits.values())
    while missing:
        best = max(traits, key=lambda x: (len(traits[x] & missing), -taken[x.target]))
        taken[best.target] += 1
        missing -= traits.pop(best)
        yield best


def _traits(launch: Launch) -> frozenset[tuple[object, ...]]:
    """Its target, its configuration, and what each of its parameters is, apart from tiles."""
    names = [name for name, _ in launch.signature]
    kernel = launch.name
    return frozenset(
        [
            (kernel, "target", launch.target),
            (kernel, "configuration", str(launch.config)),
            *((kernel, name, kind) for name, kind in launch.signature),
            *((kernel, names[at[0]], "multiple") for at, _ in launch.attributes),
            *(
                (kernel, names[at[0]], "constant", value)
                for at, value in launch.constants
                if names[at[0]] not in launch.config.tiles
            ),
        ]
    )


def _failed(launch: Launch, error: str) -> Compiled:
    return Compiled(launch.name, launch.target, str(launch.config), variant(launch), error=error)


def usage(target: str, assembly: dict[str, Any]) -> tuple[str, int, int]:
    """The assembly, registers a thread, and spilled bytes a thread."""
    if capability(target) is None:
        text = assembly["amdgcn"]  # scalar registers kept in lanes of vector registers are not here
        return text, _field(text, "vgpr_count"), _field(text, "private_segment_fixed_size")
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(assembly["cubin"])
        file.flush()
        command = [str(tool), "--dump-resource-usage", file.name]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    usage = _USAGE.search(printed)
    if usage is None:
        raise ValueError(f"cuobjdump printed no resource usage: {printed!r}")
    registers, stack, _, local = map(int, usage.groups())
    return assembly["ptx"], registers, max(stack, local)


def _field(text: str, name: str) -> int:
    found = re.search(rf"\.{name}:\s+(\d+)", text)
    if found is None:
        raise ValueError(f"the assembly's metadata has no .{name}")
    return int(found[1])
