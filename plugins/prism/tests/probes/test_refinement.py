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
