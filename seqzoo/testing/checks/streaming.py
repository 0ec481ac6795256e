"""Cutting a sequence, or stepping through it, changes nothing."""

from __future__ import annotations

from unittest import SkipTest

import torch
from torch.utils import _pytree as pytree

from seqzoo.model.mixer import state_elements
from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree, measured, names_of, run_in_pieces

__all__ = [
    "splits_agree",
    "state_keeps_its_form",
    "state_size_is_reported",
    "steps_agree",
]


def splits_agree(case: MixerCase) -> None:
    """A sequence cut anywhere gives what one call gives: outputs, and all gradients."""
    _streams(case)
    length = case.length
    for cuts in ([0, length], [1, length - 1], [length // 2, length - length // 2], [5, 1, 14]):
        lengths = [*cuts, length - sum(cuts)] if sum(cuts) < length else cuts
        _agrees_in_pieces(case, lengths, f"cut into {lengths}")


def steps_agree(case: MixerCase) -> None:
    """Token by token, or a few at a time, gives what one call gives, gradients too.

    The state after stepping continues as the state after one call does.
    """
    _streams(case)
    _agrees_in_pieces(case, [1] * case.length, "step by step")
    few = [3] * (case.length // 3)
    _agrees_in_pieces(case, [*few, case.length - sum(few)], "three tokens at a time")
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        _, expected = mixer(x)
        state = mixer.initial_state(case.batch_size)
        for t in range(case.length):
            _, state = mixer.step(x[:, t], state)
        y_next, _ = mixer(x, expected)
        z_next, _ = mixer(x, state)
        agree(z_next, y_next, "after stepping, the next tokens")


def state_size_is_reported(case: MixerCase) -> None:
    """state_size(context) is the number of elements carried after context tokens."""
    _streams(case)
    mixer, x = case.build(), case.inputs()[:1]
    with torch.no_grad():
        for context in (0, 1, 7, case.length):
            state = mixer.initial_state(1)
            if context:
                _, state = mixer(x[:, :context], state)
            found, said = state_elements(state), mixer.state_size(context)
            assert found == said, f"after {context} tokens {found} are carried, not {said}"


def state_keeps_its_form(case: MixerCase) -> None:
    """A step changes no dtype of the state, and no shape of one that does not grow."""
    _streams(case)
    for half in (False, True):
        mixer, x = case.build(torch.float32), case.inputs(torch.float32)
        grows = mixer.state_size(0) != mixer.state_size(case.length)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            _, before = mixer(x[:, :-1], mixer.initial_state(case.batch_size))
            _, after = mixer.step(x[:, -1], before)
        for old, new in zip(pytree.tree_leaves(before), pytree.tree_leaves(after), strict=True):
            assert old.dtype == new.dtype, f"a step turns {old.dtype} of the state to {new.dtype}"
            same = old.shape == new.shape
            assert grows or same, f"a step turns {old.shape} of the state to {new.shape}"


def _agrees_in_pieces(case: MixerCase, lengths: list[int], what: str) -> None:
    mixer, x = case.build(), case.inputs().requires_grad_()
    expected = measured(mixer, x, mixer(x)[0])
    found = measured(mixer, x, run_in_pieces(mixer, x, lengths)[0])
    for name, mine, one_call in zip(names_of(mixer), found, expected, strict=True):
        agree(mine, one_call, f"{what}, {name}")


def _streams(case: MixerCase) -> None:
    if not case.build().streams:
        raise SkipTest(f"mixer {case} says that it does not stream")
