from typing import Any

import pytest
import torch

from seqzoo_prism.probes.refinement import reads_before, refinement_of

PRESETS = ["prism", "prism-depth1", "prism-probing-depth2", "prism-lm", "prism-lm-r5"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_steps_are_the_last_writes(subject, preset: str) -> None:
    (trace,) = subject(preset).traces
    steps = refinement_of(trace)
    assert steps is not None
    written = torch.einsum("ntlh,ntlhv,ntlhk->nthvk", steps.strengths, steps.deltas, steps.keys)
    all_written = trace.injections()
    if preset.startswith("prism-lm"):  # and the base write before them
        base = torch.einsum("nthv,nthk->nthvk", trace.writes.values[:, :, 0], trace.first_keys())
        all_written = all_written - base
    if steps.part.swapped:
        all_written = all_written.mT
    torch.testing.assert_close(written, all_written)


REFINED = {"type": "residual_refinement", "depth": 2}
ONE = {"type": "rank_one", "key": {"norm": "unit"}}


def both(first: Any, then: Any) -> dict[str, Any]:
    return {"type": "concatenated", "first": first, "then": then}


@pytest.mark.parametrize(
    ("injection", "place"),
    [
        (both(REFINED, ONE), slice(0, 2)),
        (both(both(ONE, REFINED), ONE), slice(1, 3)),
        (both(ONE, both(ONE, REFINED)), slice(2, 4)),
        (both(ONE, both(REFINED, ONE)), slice(1, 3)),
        (both({"type": "residual_refinement", "depth": 3}, REFINED), slice(3, 5)),
    ],
    ids=["first", "then of first", "then of then", "first of then", "two: the later"],
)
def test_the_steps_are_found_wherever_a_sum_has_them(subject, injection, place: slice) -> None:
    mixer = {"type": "recurrent", "forget": "head_decay", "injection": injection}
    (trace,) = subject(mixer).traces
    steps = refinement_of(trace)
    assert steps is not None
    torch.testing.assert_close(steps.deltas, trace.writes.values[:, :, place])
    torch.testing.assert_close(steps.strengths, trace.writes.strengths[:, :, place])


@pytest.mark.parametrize("preset", ["prism", "prism-probing"])
def test_reads_are_of_the_state_before(subject, preset: str) -> None:
    (trace,) = subject(preset).traces
    steps = refinement_of(trace)
    assert steps is not None
    state = torch.zeros_like(trace.injections()[:, 0])
    transitions, injections = trace.transitions(), trace.injections()
    for t, read in reads_before(trace, steps):
        memory = state.mT if preset == "prism-probing" else state
        expected = (memory @ steps.keys[:, t, 0].unsqueeze(-1)).squeeze(-1)
        torch.testing.assert_close(read, expected, rtol=1e-9, atol=1e-12)
        state = state @ transitions[:, t] + injections[:, t]


def test_other_layers_have_no_steps(subject) -> None:
    (trace,) = subject("released-linear-attention").traces
    assert refinement_of(trace) is None
