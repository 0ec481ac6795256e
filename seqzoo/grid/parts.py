"""The built-in executors and samplers."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.grid.run.local import LocalExecutor
from seqzoo.grid.run.ray_cluster import RayExecutor
from seqzoo.grid.tune.hill_climb_sampler import HillClimbSampler
from seqzoo.grid.tune.in_order_sampler import InOrderSampler
from seqzoo.grid.tune.optuna_sampler import OptunaSampler
from seqzoo.registry import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register the executors and samplers."""
    register(LocalExecutor)
    register(RayExecutor)
    register(OptunaSampler)
    register(InOrderSampler)
    register(HillClimbSampler)
