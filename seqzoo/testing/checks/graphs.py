"""torch.compile takes a mixer whole, and derivatives of derivatives are right or refused."""

from __future__ import annotations

from collections.abc import Callable
from unittest import SkipTest

import torch
from torch import Tensor

from seqzoo.model.mixer import Mixer
from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree, measured, names_of
from seqzoo.testing.checks.batches import refuses_documents

__all__ = ["compiles_whole", "documents_compile_whole", "second_derivatives_are_right_or_refused"]

COMPILED_LENGTH = 9
"""Tokens in the checks of graphs; few, since a graph of the token loop grows with them."""

DOCUMENTS = (0, 1, 1, 3)
"""Where documents begin: one token, none, two. Fewer tokens, since their graph is larger."""


def compiles_whole(case: MixerCase) -> None:
    """torch.compile(fullgraph=True) takes `forward` and its backward, with the same numbers."""
    mixer = case.build()
    _compiles(mixer, lambda x: mixer(x)[0], case.inputs()[:, :COMPILED_LENGTH])


def documents_compile_whole(case: MixerCase) -> None:
    """The same for documents; the graph must not read the numbers of cu_seqlens."""
    mixer, x = case.build(), case.inputs()[:1, : DOCUMENTS[-1]]
    if refuses_documents(mixer, x):
        raise SkipTest(f"mixer {case} refuses documents")
    cu_seqlens = torch.tensor(DOCUMENTS)
    _compiles(mixer, lambda x: mixer(x, cu_seqlens=cu_seqlens)[0], x)


def second_derivatives_are_right_or_refused(case: MixerCase) -> None:
    """A Hessian-vector product is that of finite differences, or an error in words."""
    mixer, x = case.build(), case.inputs()[:1, :5]
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)

    def slope(x: Tensor, create_graph: bool) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_()
        loss = mixer(x)[0].pow(3).sum()
        return x, torch.autograd.grad(loss, x, create_graph=create_graph)[0]

    try:
        leaf, gradient = slope(x, create_graph=True)
        (found,) = torch.autograd.grad((gradient * direction).sum(), leaf)
    except (RuntimeError, NotImplementedError) as refusal:
        words = ("scan", "scaled_dot_product")  # ours; and torch's of its fused attention
        if not any(word in str(refusal) for word in words):
            raise AssertionError(f"a second derivative fails with {refusal}") from refusal
        raise SkipTest(f"mixer {case} refuses second derivatives: {refusal}") from None
    step = 1e-5
    high, low = (slope(x + sign * step * direction, False)[1] for sign in (1.0, -1.0))
    agree(found, (high - low) / (2 * step), "a Hessian-vector product", 1e-5)


def _compiles(mixer: Mixer, function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    torch.compiler.reset()  # or graphs of other mixers of this class count against this one
    try:
        compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
        inputs = x.clone().requires_grad_()
        found = measured(mixer, inputs, compiled(inputs))
    finally:
        torch.compiler.reset()
    expected = measured(mixer, inputs, function(inputs))
    for name, mine, eager in zip(names_of(mixer), found, expected, strict=True):
        agree(mine, eager, f"compiled, {name}")
