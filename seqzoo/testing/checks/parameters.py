"""Every parameter is used, initialised, saved and copied."""

from __future__ import annotations

import copy
import io

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seqzoo.operators import Forget, Stream
from seqzoo.testing.case import MixerCase
from seqzoo.testing.checks.agreement import agree, measured, names_of
from seqzoo.testing.checks.memory import filled_with_nan

__all__ = [
    "checkpointing_agrees",
    "copies_agree",
    "gradients_reach_every_parameter",
    "no_decay_grows",
    "parameters_are_initialised",
    "saves_and_loads",
]


def gradients_reach_every_parameter(case: MixerCase) -> None:
    """In a stack of two, every parameter and the inputs have a finite gradient, not all zero.

    Two layers, since a value that one layer makes may be read only by the next.
    """
    layers = case.build_stack(2, torch.float32)
    x = case.inputs(torch.float32).requires_grad_()
    hidden, handed = x, None
    for layer in layers:
        stream = Stream.over(hidden, handed=handed)
        hidden = hidden + layer.mix(hidden, stream)
        handed = stream.handed()
    weights = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(2))
    loss = (hidden * weights).sum()
    if handed is not None:
        loss = loss + sum(handed.losses.values())
    loss.backward()
    named = [
        (f"{name} of layer {index}", parameter)
        for index, layer in enumerate(layers)
        for name, parameter in layer.named_parameters()
    ]
    for name, tensor in [("the inputs", x), *named]:
        gradient = tensor.grad
        assert gradient is not None, f"{name}: no gradient"
        assert bool(gradient.isfinite().all()), f"{name}: the gradient is not finite"
        assert bool(gradient.any()), f"{name}: the gradient is zero everywhere"


def parameters_are_initialised(case: MixerCase) -> None:
    """No value is left uninitialised: memory is filled with NaN beforehand, and none remains.

    Two builds from one seed are equal, and one from another seed differs if it has a matrix that is
    not constant.
    """
    with filled_with_nan():
        first, second = case.build(torch.float32), case.build(torch.float32)
    theirs = second.state_dict()
    for name, tensor in first.state_dict().items():
        if tensor.is_floating_point():
            assert bool(tensor.isfinite().all()), f"{name} was not given an initial value"
        assert torch.equal(tensor, theirs[name]), f"{name} differs between builds of one seed"
    others = dict(case.build(torch.float32, seed=9).named_parameters())
    matrices = {
        name: weight
        for name, weight in first.named_parameters()
        if weight.ndim > 1 and weight.numel() and not bool((weight == weight.flatten()[0]).all())
    }
    assert not matrices or any(
        not torch.equal(weight, others[name]) for name, weight in matrices.items()
    ), "builds of two seeds have the same initial values"


def saves_and_loads(case: MixerCase) -> None:
    """A mixer of another seed that loads the state_dict gives the same outputs, bit by bit."""
    mixer, other, x = case.build(), case.build(seed=9), case.inputs()
    file = io.BytesIO()
    torch.save(mixer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        assert torch.equal(other(x)[0], mixer(x)[0]), "after loading, outputs differ"


def copies_agree(case: MixerCase) -> None:
    """A deep copy gives the same outputs, from parameters of its own."""
    mixer, x = case.build(), case.inputs()
    other = copy.deepcopy(mixer)
    with torch.no_grad():
        expected, state = mixer(x)
        assert torch.equal(other(x)[0], expected), "a copy's outputs differ"
        if mixer.streams:
            assert torch.equal(other(x, state)[0], mixer(x, state)[0]), (
                "a copy continues differently"
            )
        for parameter in other.parameters():
            parameter.zero_()
        assert torch.equal(mixer(x)[0], expected), "a copy shares its parameters"
        assert not torch.equal(other(x)[0], expected), "a copy computes with the first's parameters"


def checkpointing_agrees(case: MixerCase) -> None:
    """Activation checkpointing, which computes the layer twice, gives the same gradients."""
    mixer, x = case.build(), case.inputs().requires_grad_()
    expected = measured(mixer, x, mixer(x)[0])
    again: Tensor = checkpoint(lambda x: mixer(x)[0], x, use_reentrant=False)
    found = measured(mixer, x, again)
    for name, mine, plain in zip(names_of(mixer), found, expected, strict=True):
        agree(mine, plain, f"with checkpointing, {name}")


def no_decay_grows(case: MixerCase) -> None:
    """No forget in the mixer gives a log decay above 0, whatever the inputs."""
    mixer, x = case.build(torch.float32), case.inputs(torch.float32)
    largest: list[float] = []

    def look(_: object, __: object, transition: object) -> None:
        log_decay = getattr(transition, "log_decay", None)
        if log_decay is not None and log_decay.numel():
            largest.append(float(log_decay.max()))

    hooks = [
        module.register_forward_hook(look)
        for module in mixer.modules()
        if isinstance(module, Forget)
    ]
    try:
        with torch.no_grad():
            for size in (1.0, 10.0):
                mixer(size * x)
    finally:
        for hook in hooks:
            hook.remove()
    assert not largest or max(largest) <= 0, (
        f"a forget gives a log decay of {max(largest):.3g}: above 0 the state grows without bound"
    )
