"""No output sees a later token."""

from __future__ import annotations

import math

import torch

from seqzoo.testing.case import MixerCase

__all__ = ["is_causal", "later_nans_do_not_leak"]

ROUNDING = 1e-13


def is_causal(case: MixerCase) -> None:
    """Outputs before t are bit-equal when the tokens from t on change.

    A mixer that says it is not `bit_causal` is held to float64's rounding.
    """
    exact = case.build().bit_causal
    dtype = torch.float32 if exact else torch.float64
    mixer, x = case.build(dtype), case.inputs(dtype)
    with torch.no_grad():
        y, _ = mixer(x)
        for t in (1, case.length // 2, case.length - 1):
            changed = x.clone()
            changed[:, t:] = 3.0 * case.inputs(dtype, seed=t + 100)[:, t:] + 1.0
            z, _ = mixer(changed)
            apart = float((y[:, :t] - z[:, :t]).abs().max())
            assert apart <= (0.0 if exact else ROUNDING), (
                f"outputs before token {t} see tokens from it on"
            )
            assert not torch.equal(y[:, t:], z[:, t:]), f"outputs from token {t} on see no inputs"


def later_nans_do_not_leak(case: MixerCase) -> None:
    """Padding at the end may hold NaN: nothing before it is touched."""
    mixer, x = case.build(torch.float32), case.inputs(torch.float32)
    t = case.length // 2
    padded = x.clone()
    padded[:, t:] = math.nan
    with torch.no_grad():
        y, _ = mixer(x)
        z, _ = mixer(padded)
    assert bool(z[:, :t].isfinite().all()), f"NaN from token {t} on reaches outputs before it"
    ratio = float((y[:, :t] - z[:, :t]).abs().max())
    assert ratio < 1e-4, f"NaN from token {t} on changes outputs before it by {ratio:.1e}"
