"""Checks by family for parts that have no place in a mixer. Each takes a `PartCase`.

Like the checks of mixers, they raise AssertionError that says what broke, and unittest.SkipTest
where a part lacks the feature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqzoo.testing.families.any_part import PART_CHECKS as PART_CHECKS
from seqzoo.testing.families.decoders import DECODER_CHECKS as DECODER_CHECKS
from seqzoo.testing.families.loggers import LOGGER_CHECKS as LOGGER_CHECKS
from seqzoo.testing.families.mlps import MLP_CHECKS as MLP_CHECKS
from seqzoo.testing.families.optimizers import OPTIMIZER_CHECKS as OPTIMIZER_CHECKS
from seqzoo.testing.families.probes import PROBE_CHECKS as PROBE_CHECKS
from seqzoo.testing.families.samplers import SAMPLER_CHECKS as SAMPLER_CHECKS
from seqzoo.testing.families.schedules import SCHEDULE_CHECKS as SCHEDULE_CHECKS
from seqzoo.testing.families.tasks import TASK_CHECKS as TASK_CHECKS
from seqzoo.testing.part import PartCase

__all__ = ["FAMILY_CHECKS", "PART_CHECKS"]

FAMILY_CHECKS: Mapping[str, tuple[Callable[[PartCase], None], ...]] = {
    "decoder": DECODER_CHECKS,
    "logger": LOGGER_CHECKS,
    "mlp": MLP_CHECKS,
    "optimizer": OPTIMIZER_CHECKS,
    "probe": PROBE_CHECKS,
    "sampler": SAMPLER_CHECKS,
    "schedule": SCHEDULE_CHECKS,
    "task": TASK_CHECKS,
}
"""The checks of each family, in addition to `PART_CHECKS`, which apply to every family."""
