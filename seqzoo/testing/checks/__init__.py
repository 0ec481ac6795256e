"""The checks that every mixer must pass, as functions of a case.

Each raises AssertionError that says what broke, or unittest.SkipTest where a mixer declares that it
lacks the feature, which pytest reports. They check values, not shapes.
"""

from collections.abc import Callable

from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import error_ratio as error_ratio
from seqzoo.testing.checks.batches import (
    batch_is_independent,
    documents_are_apart,
    documents_go_on,
)
from seqzoo.testing.checks.causality import is_causal, later_nans_do_not_leak
from seqzoo.testing.checks.graphs import (
    compiles_whole,
    documents_compile_whole,
    second_derivatives_are_right_or_refused,
)
from seqzoo.testing.checks.parameters import (
    checkpointing_agrees,
    copies_agree,
    gradients_reach_every_parameter,
    no_decay_grows,
    parameters_are_initialised,
    saves_and_loads,
)
from seqzoo.testing.checks.precision import runs_in_every_precision
from seqzoo.testing.checks.specs import (
    builds_at_every_width,
    grouped_heads_agree,
    scans_agree,
    spec_round_trips,
)
from seqzoo.testing.checks.streaming import (
    splits_agree,
    state_keeps_its_form,
    state_size_is_reported,
    steps_agree,
)

__all__ = ["MIXER_CHECKS", "error_ratio"]

MIXER_CHECKS: tuple[Callable[[MixerCase], None], ...] = (
    is_causal,
    later_nans_do_not_leak,
    splits_agree,
    steps_agree,
    state_size_is_reported,
    state_keeps_its_form,
    batch_is_independent,
    documents_are_apart,
    documents_go_on,
    gradients_reach_every_parameter,
    parameters_are_initialised,
    saves_and_loads,
    copies_agree,
    checkpointing_agrees,
    no_decay_grows,
    runs_in_every_precision,
    spec_round_trips,
    builds_at_every_width,
    grouped_heads_agree,
    scans_agree,
    compiles_whole,
    documents_compile_whole,
    second_derivatives_are_right_or_refused,
)
"""All of them. A plugin's author runs them over a mixer in three lines; see `seqzoo.testing`."""
