"""Count what each warp does, from a kernel's machine code: instructions, barriers and bytes.

The code is NVIDIA's, as the nvdisasm that comes with Triton prints it. A backward branch is a loop;
its line in the source, which the compiler keeps, names the `for` statement, and that statement's
range how often the loop runs (`loops.py`). Instructions inside are multiplied by that. Code under a
condition counts as executed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LINE = re.compile(r'//## File "(?P<file>[^"]+)", line (?P<line>\d+)')
_LABEL = re.compile(r"^(?P<label>\.L_x_\d+):")
_INSTRUCTION = re.compile(r"/\*(?P<address>[0-9a-f]{4,})\*/\s+(?P<text>\S[^;]*);")
_BRANCH = re.compile(r"\bBRA\b.*`\((?P<label>\.L_x_\d+)\)")
_PREDICATE = re.compile(r"^@!?U?P\w+\s+")
_MEMORY = re.compile(r"^(?P<kind>LDGSTS|LDG|STG|RED|ATOMG)\b")

LANES = 32
"""Threads a warp."""

Place = tuple[str, int]
"""A file and a line in it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its text without a predicate, and the line of the source it stands for."""

    text: str
    place: Place | None

    @property
    def opcode(self) -> str:
        """Its name without modifiers, such as HGMMA."""
        return self.text.split(maxsplit=1)[0].partition(".")[0]


@dataclass(frozen=True)
class Loop:
    """Instructions `first` to `last`, repeated as the statement at `place` says."""

    first: int
    last: int
    place: Place | None


@dataclass(frozen=True)
class Code:
    """A kernel's instructions in order, and its loops."""

    instructions: tuple[Instruction, ...]
    loops: tuple[Loop, ...]


@dataclass(frozen=True)
class Counts:
    """What one warp does in one program.

    Attributes:
        instructions: how many it issues.
        matrix: those of the matrix unit among them.
        barriers: how often it waits for the program's other warps.
        loaded, stored: bytes from and to global memory, by all lanes, masks not regarded.
    """

    instructions: float = 0.0
    matrix: float = 0.0
    barriers: float = 0.0
    loaded: float = 0.0
    stored: float = 0.0


def disassemble(cubin: bytes) -> Code:
    """The code of a kernel.

    Args:
        cubin: NVIDIA's object file, compiled with line numbers.
    """
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(_tool()), "-g", "-c", file.name]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return parse(ran.stdout)


def parse(printed: str) -> Code:
    """The code in what nvdisasm prints.

    Raises:
        ValueError: there is none.
    """
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    branches: list[tuple[int, str]] = []
    place: Place | None = None
    for line in printed.splitlines():
        if found := _LINE.search(line):
            place = (found["file"], int(found["line"]))
        elif found := _LABEL.match(line):
            labels[found["label"]] = len(instructions)
        elif found := _INSTRUCTION.search(line):
            text = _PREDICATE.sub("", found["text"].strip())
            if branch := _BRANCH.search(found["text"]):
                branches.append((len(instructions), branch["label"]))
            instructions.append(Instruction(text, place))
    if not instructions:
        raise ValueError("nvdisasm printed no instruction")
    loops = [
        Loop(labels[label], at, instructions[at].place)
        for at, label in branches
        if labels.get(label, len(instructions)) < at
    ]
    end = max((at for at, i in enumerate(instructions) if i.opcode == "EXIT"), default=0)
    return Code(tuple(instructions[: end + 1]), tuple(loop for loop in loops if loop.last <= end))


def count(code: Code, trips: Callable[[Place | None], float]) -> Counts:
    """What one warp does, with every loop run as often as `trips` says of its place."""
    repeats = [1.0] * len(code.instructions)
    for loop in code.loops:
        times = trips(loop.place)
        for at in range(loop.first, loop.last + 1):
            repeats[at] *= times
    total = matrix = barriers = loaded = stored = 0.0
    for instruction, times in zip(code.instructions, repeats, strict=True):
        opcode = instruction.opcode
        if opcode == "NOP":
            continue
        total += times
        matrix += times * (opcode in ("HMMA", "HGMMA", "IMMA", "UTCHMMA"))
        barriers += times * (opcode == "BAR")
        if found := _MEMORY.match(instruction.text):
            size = times * LANES * _width(instruction.text)
            loaded += size * found["kind"].startswith("LD")
            stored += size * (not found["kind"].startswith("LD"))
    return Counts(total, matrix, barriers, loaded, stored)


def opcodes(code: Code, trips: Callable[[Place | None], float]) -> Iterator[tuple[str, float]]:
    """How often each opcode is issued, the most frequent first."""
    found: dict[str, float] = {}
    for instruction in code.instructions:
        found.setdefault(instruction.opcode, 0.0)
    for opcode in found:
        kept = tuple(
            i if i.opcode == opcode else Instruction("NOP", None) for i in code.instructions
        )
        found[opcode] = count(Code(kept, code.loops), trips).instructions
    yield from sorted(found.items(), key=lambda item: -item[1])


def _width(text: str) -> int:
    """Bytes a lane moves."""
    modifiers = text.split(maxsplit=1)[0].split(".")
    for name, size in (("128", 16), ("64", 8), ("U16", 2), ("S16", 2), ("U8", 1), ("S8", 1)):
        if name in modifiers:
            return size
    return 4


@cache
def _tool() -> Path:
    import triton

    return Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
