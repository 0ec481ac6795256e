"""What every mixer must hold, as functions of a case; each raises AssertionError saying what broke.

They check values, not shapes, and compare in float64 where rounding would blur the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import yaml
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.model.mixer import Mixer, state_elements
from seqzoo.operators import Place
from seqzoo.testing.case import MixerCase

__all__ = ["MIXER_CHECKS", "error_ratio"]

EXACT = 1e-10
"""Error ratio allowed between two float64 forms of one computation."""

COMPILED_LENGTH = 9
"""Tokens in the checks of graphs; few, since a graph of the token loop grows with them."""


def error_ratio(found: Tensor, expected: Tensor) -> float:
    """RMS(found - expected) / RMS(expected), 0 where both are 0."""
    found, expected = found.detach(), expected.detach()
    error = (found - expected).double().square().mean().sqrt()
    size = expected.double().square().mean().sqrt()
    return float(error / size) if size > 0 else float(error)


def _agree(found: Tensor, expected: Tensor, what: str) -> None:
    assert found.shape == expected.shape, f"{what}: {found.shape} is not {expected.shape}"
    ratio = error_ratio(found, expected)
    assert ratio <= EXACT, f"{what}: error ratio {ratio:.1e}, more than {EXACT:.0e}"


def is_causal(case: MixerCase) -> None:
    """Outputs before t are bit-equal when the tokens from t on change."""
    mixer, x = case.build(torch.float32), case.inputs(torch.float32)
    with torch.no_grad():
        y, _ = mixer(x)
        for t in (1, case.length // 2, case.length - 1):
            changed = x.clone()
            changed[:, t:] = 3.0 * case.inputs(torch.float32, seed=t + 100)[:, t:] + 1.0
            z, _ = mixer(changed)
            assert torch.equal(y[:, :t], z[:, :t]), (
                f"outputs before token {t} see tokens from it on"
            )
            assert not torch.equal(y[:, t:], z[:, t:]), f"outputs from token {t} on see no inputs"


def splits_agree(case: MixerCase) -> None:
    """A sequence cut anywhere, the state carried, gives what one call gives."""
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        y, _ = mixer(x)
        for cuts in ([0], [1], [case.length // 2], [case.length], [5, 6, 20]):
            state, pieces = None, []
            for begin, end in zip([0, *cuts], [*cuts, case.length], strict=True):
                piece, state = mixer(x[:, begin:end], state)
                pieces.append(piece)
            _agree(torch.cat(pieces, dim=1), y, f"cut at {cuts}")


def steps_agree(case: MixerCase) -> None:
    """Stepping from the initial state gives what one call gives, and leaves the same state."""
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        y, expected = mixer(x)
        state, steps = mixer.initial_state(case.batch_size), []
        for t in range(case.length):
            y_t, state = mixer.step(x[:, t], state)
            steps.append(y_t)
        _agree(torch.stack(steps, dim=1), y, "step by step")
        y_next, _ = mixer(x, expected)
        z_next, _ = mixer(x, state)
        _agree(z_next, y_next, "after stepping, the next tokens")


def state_size_is_reported(case: MixerCase) -> None:
    """state_size(context) is the number of elements carried after context tokens."""
    mixer, x = case.build(), case.inputs()[:1]
    with torch.no_grad():
        for context in (0, 1, 7, case.length):
            state = mixer.initial_state(1)
            if context:
                _, state = mixer(x[:, :context], state)
            found, said = state_elements(state), mixer.state_size(context)
            assert found == said, f"after {context} tokens {found} are carried, not {said}"


def batch_is_independent(case: MixerCase) -> None:
    """A sequence's output does not depend on what else is in the batch."""
    mixer, x = case.build(), case.inputs()
    with torch.no_grad():
        y, _ = mixer(x)
        for row in range(case.batch_size):
            alone, _ = mixer(x[row : row + 1])
            _agree(alone, y[row : row + 1], f"sequence {row} alone")


def documents_are_apart(case: MixerCase) -> None:
    """Documents packed into one row give what each gives alone, or the mixer raises SpecError."""
    mixer = case.build()
    x = case.inputs()[:1].requires_grad_()
    bounds = (0, 1, 1, 8, case.length - 5, case.length)  # one token, none, a few, many
    try:
        y = mixer(x, cu_seqlens=torch.tensor(bounds))[0]
    except SpecError:
        return  # refused, in a sentence for the user
    for begin, end in pairwise(bounds):
        if begin == end:
            continue
        document = x.detach()[:, begin:end].requires_grad_()
        alone, _ = mixer(document)
        _agree(y[:, begin:end], alone, f"document {begin}:{end} among others")
        found, expected = (
            torch.autograd.grad(out.square().sum(), source, retain_graph=True)[0]
            for out, source in ((y[:, begin:end], x), (alone, document))
        )
        _agree(found[:, begin:end], expected, f"gradient of document {begin}:{end}")
        found[:, begin:end] = 0.0
        assert not bool(found.any()), f"document {begin}:{end} has a gradient in the others"


def gradients_reach_every_parameter(case: MixerCase) -> None:
    """Every parameter and the inputs have a finite gradient that is not all zero."""
    mixer, x = case.build(torch.float32), case.inputs(torch.float32).requires_grad_()
    y, _ = mixer(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2))
    (y * weights).sum().backward()
    for name, tensor in [("the inputs", x), *mixer.named_parameters()]:
        gradient = tensor.grad
        assert gradient is not None, f"{name}: no gradient"
        assert bool(gradient.isfinite().all()), f"{name}: the gradient is not finite"
        assert bool(gradient.any()), f"{name}: the gradient is zero everywhere"


def spec_round_trips(case: MixerCase) -> None:
    """The resolved spec, written as YAML and read again, is the same spec."""
    spec = case.registry.spec("mixer", case.spec)
    written: Any = yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))
    again = case.registry.spec("mixer", written)
    assert again == spec, f"{spec} comes back as {again}"


def builds_at_every_width(case: MixerCase) -> None:
    """The spec builds at multiples of 16, and its outputs have the width's features."""
    spec = case.registry.spec("mixer", case.spec)
    for width in (16, 48, 80, 192):
        y, _ = spec.build(Place(width))(torch.ones(1, 3, width))
        assert y.shape == (1, 3, width), f"width {width}: outputs are {tuple(y.shape)}"
        assert bool(y.isfinite().all()), f"width {width}: outputs are not finite"


def scans_agree(case: MixerCase) -> None:
    """Every chunk size, and the token loop, give the same outputs and gradients."""
    spec: Any = case.registry.spec("mixer", case.spec)
    if "scan" not in type(spec).model_fields:
        return
    x = case.inputs().requires_grad_()
    expected = _outputs_and_gradient(case, {"type": "reference"}, x)
    for chunk_size in (1, 8, 16, 64):
        found = _outputs_and_gradient(case, {"type": "chunked", "chunk_size": chunk_size}, x)
        _agree(found[0], expected[0], f"outputs at chunk size {chunk_size}")
        _agree(found[1], expected[1], f"gradient of the inputs at chunk size {chunk_size}")


def compiles_whole(case: MixerCase) -> None:
    """torch.compile(fullgraph=True) takes `forward` and its backward, and the numbers stay."""
    mixer = case.build()
    _compiles(mixer, lambda x: mixer(x)[0], case.inputs()[:, :COMPILED_LENGTH])


def documents_compile_whole(case: MixerCase) -> None:
    """The same for documents; the graph must not read the numbers of cu_seqlens.

    Nothing is asked of a mixer that refuses documents with a SpecError.
    """
    mixer, x = case.build(), case.inputs()[:1, :COMPILED_LENGTH]
    cu_seqlens = torch.tensor([0, 1, 1, 5, COMPILED_LENGTH])  # one token, none, a few
    try:
        mixer(x, cu_seqlens=cu_seqlens)[0]
    except SpecError:
        return
    _compiles(mixer, lambda x: mixer(x, cu_seqlens=cu_seqlens)[0], x)


def _compiles(mixer: Mixer, function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    torch.compiler.reset()  # or graphs of other mixers of this class count against this one
    try:
        compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
        found = _results(mixer, compiled, x)
    finally:
        torch.compiler.reset()
    names = ("outputs", "gradient of the inputs", *dict(mixer.named_parameters()))
    for name, mine, eager in zip(names, found, _results(mixer, function, x), strict=True):
        assert (mine is None) == (eager is None), f"{name}: compiled or eager has no gradient"
        if mine is not None and eager is not None:
            _agree(mine, eager, f"compiled, {name}")


def _results(
    mixer: Mixer, function: Callable[[Tensor], Tensor], x: Tensor
) -> tuple[Tensor | None, ...]:
    """Outputs, and the gradients of the inputs and of each parameter."""
    x = x.clone().requires_grad_()
    y = function(x)
    sources = [x, *mixer.parameters()]
    return (y, *torch.autograd.grad(y.square().sum(), sources, allow_unused=True))


def _outputs_and_gradient(
    case: MixerCase, scan: dict[str, Any], x: Tensor
) -> tuple[Tensor, Tensor]:
    written = case.spec if isinstance(case.spec, dict) else {"type": case.spec}
    mixer = MixerCase({**written, "scan": scan}, case.registry, case.width).build()
    y, _ = mixer(x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    return y.detach(), gradient


MIXER_CHECKS: tuple[Callable[[MixerCase], None], ...] = (
    is_causal,
    splits_agree,
    steps_agree,
    state_size_is_reported,
    batch_is_independent,
    documents_are_apart,
    gradients_reach_every_parameter,
    spec_round_trips,
    builds_at_every_width,
    scans_agree,
    compiles_whole,
    documents_compile_whole,
)
"""All of them. A plugin's author runs them over a mixer in three lines; see the package's text."""
