"""Sequences side by side, as rows of a batch or as documents in one row, do not see each other."""

from __future__ import annotations

import math
from itertools import pairwise
from unittest import SkipTest

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.model.mixer import Mixer
from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree

__all__ = [
    "batch_is_independent",
    "documents_are_apart",
    "documents_go_on",
    "refuses_documents",
]


def batch_is_independent(case: MixerCase) -> None:
    """A sequence's output does not depend on what else is in the batch, even if that is NaN."""
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        y, _ = mixer(x)
        for row in range(case.batch_size):
            alone, _ = mixer(x[row : row + 1])
            agree(alone, y[row : row + 1], f"sequence {row} alone")
        broken = x.clone()
        broken[-1] = math.nan
        beside, _ = mixer(broken)
        agree(beside[:-1], y[:-1], "beside a sequence of NaN, the others")


def documents_are_apart(case: MixerCase) -> None:
    """Documents packed into one row give what each gives alone, and no gradient crosses."""
    mixer = _mixer_of_documents(case)
    x = case.inputs()[:1].requires_grad_()
    bounds = _bounds(case)
    y, _ = mixer(x, cu_seqlens=torch.tensor(bounds))
    for begin, end in pairwise(bounds):
        if begin == end:
            continue
        document = x.detach()[:, begin:end].requires_grad_()
        alone, _ = mixer(document)
        agree(y[:, begin:end], alone, f"document {begin}:{end} among others")
        found, expected = (
            torch.autograd.grad(out.square().sum(), source, retain_graph=True)[0]
            for out, source in ((y[:, begin:end], x), (alone, document))
        )
        agree(found[:, begin:end], expected, f"gradient of document {begin}:{end}")
        found[:, begin:end] = 0.0
        assert not bool(found.any()), f"document {begin}:{end} has a gradient in the others"


def documents_go_on(case: MixerCase) -> None:
    """Documents cut in two continue from their N states as one call would."""
    mixer = _mixer_of_documents(case)
    if not mixer.streams:
        raise SkipTest(f"mixer {case} says that it does not stream")
    x = case.inputs()[:1]
    bounds = _bounds(case)
    cut = [(begin, begin + (end - begin) // 2, end) for begin, end in pairwise(bounds)]
    with torch.no_grad():
        state, pieces = None, []
        for part in ([(a, b) for a, b, _ in cut], [(b, c) for _, b, c in cut]):
            row = torch.cat([x[:, begin:end] for begin, end in part], dim=1)
            lengths = torch.tensor([0, *(end - begin for begin, end in part)])
            y, state = mixer(row, state, cu_seqlens=lengths.cumsum(0))
            pieces.append(y.split([end - begin for begin, end in part], dim=1))
        for (begin, _, end), first, second in zip(cut, *pieces, strict=True):
            alone, _ = mixer(x[:, begin:end])
            agree(torch.cat([first, second], 1), alone, f"document {begin}:{end} in two calls")


def refuses_documents(mixer: Mixer, x: Tensor) -> bool:
    """Whether a mixer says that it cannot keep documents apart."""
    try:
        mixer(x[:1, :2], cu_seqlens=torch.tensor([0, 1, 2]))
    except SpecError:
        return True
    return False


def _mixer_of_documents(case: MixerCase) -> Mixer:
    mixer = case.build()
    if refuses_documents(mixer, case.inputs()):
        raise SkipTest(f"mixer {case} refuses documents")
    return mixer


def _bounds(case: MixerCase) -> tuple[int, ...]:
    """Documents of one token, none, a few, many, a few."""
    return (0, 1, 1, 8, case.length - 5, case.length)
