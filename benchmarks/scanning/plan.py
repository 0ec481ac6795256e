"""The plan: groups of work that are compared and take turns.

On a CPU: every recurrence at two shapes, the ranks of PRISM side by side, lengths from 2K to 16K,
and tokens. On a GPU: fla's six shapes, lengths from 1K to 64K, and tokens; training comes first,
which is what is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from scanning import peers
from scanning.peers.attention import ATTENTION
from scanning.recurrences import PRISM_RANKS, RECURRENCES, Shape
from scanning.work import FORWARD, OURS, STEP, TRAINING, Work

RANKED, LENGTHS = "ranks", "lengths"


@dataclass(frozen=True)
class Extent:
    """Shapes and times of a device.

    Args:
        dtype: of the inputs.
        shapes: (B, T, H, D) of the recurrences.
        lengths: T of the lengths' group.
        length_shape: its B, H and D.
        tokens: shapes of single tokens.
        seconds: a group's turns on a CPU, or a measurement on a GPU.
        least: the fewest rounds of turns, on a CPU.
    """

    dtype: torch.dtype
    shapes: tuple[Shape, ...]
    lengths: tuple[int, ...]
    length_shape: Shape
    tokens: tuple[Shape, ...]
    seconds: float
    least: int = 5


JUDGED_ON_CPU = (Shape(1, 2048, 4, 64), Shape(8, 256, 4, 32))
FLA_SHAPES = (
    Shape(4, 2048, 16, 128),
    Shape(2, 16384, 16, 128),
    Shape(1, 8192, 96, 128),
    Shape(4, 4096, 64, 128),
    Shape(8, 2048, 32, 256),
    Shape(8, 1024, 8, 64),
)
EXTENTS = {
    ("cpu", False): Extent(
        torch.float32,
        JUDGED_ON_CPU,
        (2048, 4096, 8192, 16384),
        Shape(1, 1, 4, 64),
        (Shape(1, 1, 4, 64), Shape(8, 1, 16, 64)),
        seconds=6.0,
    ),
    ("cpu", True): Extent(
        torch.float32,
        (Shape(1, 96, 2, 16),),
        (64, 128),
        Shape(1, 1, 2, 16),
        (Shape(1, 1, 2, 16),),
        seconds=0.02,
        least=2,
    ),
    ("cuda", False): Extent(
        torch.bfloat16,
        FLA_SHAPES,
        (1024, 2048, 4096, 8192, 16384, 32768, 65536),
        Shape(1, 1, 16, 128),
        (Shape(1, 1, 16, 128), Shape(64, 1, 16, 128)),
        seconds=0.1,
    ),
    ("cuda", True): Extent(
        torch.bfloat16,
        (Shape(4, 2048, 16, 128), Shape(8, 1024, 8, 64)),
        (1024, 4096),
        Shape(1, 1, 16, 128),
        (Shape(1, 1, 16, 128),),
        seconds=0.05,
    ),
}


@dataclass(frozen=True)
class Group:
    """Work that is compared, so it is measured in turns.

    Args:
        name: the recurrence, `RANKED` or `LENGTHS`.
        works: what takes turns.
        memory: whether peak memory is measured too, of training.
        errors: whether error ratios are taken too, of training.
    """

    name: str
    works: tuple[Work, ...]
    memory: bool = True
    errors: bool = False


def make_plan(
    device: torch.device, quick: bool, backends: Iterable[str], only: Iterable[str] = ()
) -> list[Group]:
    """The groups in the order they run.

    Args:
        device: where.
        quick: small shapes and few rounds: whether it runs, not how fast.
        backends: ours.
        only: names of groups; empty for all.
    """
    extent = EXTENTS[device.type, quick]
    maker = _Maker(device, extent, tuple(backends))
    groups = list(maker.groups())
    wanted = set(only)
    return [group for group in groups if not wanted or group.name in wanted]


def group_names() -> list[str]:
    """What `only` may name."""
    plain = [name for name in RECURRENCES if not name.startswith("prism")]
    return [*plain, RANKED, LENGTHS]


@dataclass(frozen=True)
class _Maker:
    device: torch.device
    extent: Extent
    backends: tuple[str, ...]

    def groups(self) -> Iterator[Group]:
        plain = [name for name in group_names() if name in RECURRENCES]
        for action in (TRAINING, FORWARD):
            for shape in self.extent.shapes:
                with_memory, with_errors = self.weighed(shape), self.checked(shape)
                for name in plain:
                    works = self.with_peers(name, shape, action)
                    yield Group(name, works, with_memory, with_errors)
                for decay, beside in (("head", "gated_delta_rule"), ("channel", "kda")):
                    works = self.ranks(decay, beside, shape, action)
                    yield Group(RANKED, works, with_memory, with_errors)
            if action == TRAINING:
                yield Group(LENGTHS, tuple(self.lengths()))
        for shape in self.extent.tokens:
            for name in plain:
                yield Group(name, self.with_peers(name, shape, STEP), memory=False)

    def weighed(self, shape: Shape) -> bool:
        """On a CPU memory takes a process each, so at one shape and the lengths only."""
        return self.device.type == "cuda" or shape == self.extent.shapes[0]

    def checked(self, shape: Shape) -> bool:
        """Errors are taken once for each D."""
        return shape == next(each for each in self.extent.shapes if each.size == shape.size)

    def work(self, recurrence: str, subject: str, shape: Shape, action: str) -> Work:
        return Work(recurrence, subject, shape, action, self.extent.dtype, self.device)

    def ours(self, recurrence: str, shape: Shape, action: str) -> tuple[Work, ...]:
        subjects = [f"{OURS} {backend}" for backend in self.backends]
        return tuple(self.work(recurrence, subject, shape, action) for subject in subjects)

    def with_peers(self, recurrence: str, shape: Shape, action: str) -> tuple[Work, ...]:
        known = peers.TOKEN if action == STEP else peers.CHUNKED
        beside = [peer for peer in known if peer.recurrence == recurrence and peer.exact]
        return self.ours(recurrence, shape, action) + tuple(
            self.work(recurrence, peer.name, shape, action) for peer in beside
        )

    def ranks(self, decay: str, beside: str, shape: Shape, action: str) -> tuple[Work, ...]:
        """PRISM's ranks, beside the recurrence of rank 1 and the nearest of rank 2."""
        works = self.with_peers(beside, shape, action)
        for rank in PRISM_RANKS:
            name = f"prism_{decay}_{rank}"
            works += self.ours(name, shape, action)
            works += tuple(
                self.work(name, peer.name, shape, action)
                for peer in peers.CHUNKED
                if peer.recurrence == name
            )
        return works

    def lengths(self) -> Iterator[Work]:
        for time in self.extent.lengths:
            shape = self.extent.length_shape._replace(time=time)
            yield from self.with_peers("gated_delta_rule", shape, TRAINING)
            yield from self.ours("prism_head_2", shape, TRAINING)
            yield self.work(ATTENTION.recurrence, ATTENTION.name, shape, TRAINING)
