"""Each check of the kit finds the fault that it is there for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import PositiveInt, field_serializer
from torch import Tensor, nn

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import DecayForget, Features, Place, Stream
from seqzoo.registry import Origin, Registry
from seqzoo.spec import PartSpec, slot
from seqzoo.testing import MIXER_CHECKS, MixerCase, NoPlaceError, part_case
from seqzoo.testing.checks import error_ratio


class Average(Mixer):
    """A sound mixer: y_t = W (x_t + s_t / 4), s_t the sum of all inputs so far."""

    name = "average"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.project = nn.Linear(place.width, place.width)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        stream.single(self)
        return self.project(x + self.sums(x, stream) / 4)

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        past = stream.past(self, "sum", lambda: stream.zeros(x, x.shape[-1]))
        sums = past.unsqueeze(1) + x.cumsum(1)
        stream.keep(self, "sum", past + x.sum(1))
        return sums


class CutGradient(Average):
    name = "cut-gradient"

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        past = stream.past(self, "sum", lambda: stream.zeros(x, x.shape[-1])).detach()
        stream.keep(self, "sum", (past + x.sum(1)).detach())
        return past.unsqueeze(1) + x.cumsum(1)


class StepsOnly(Average):
    name = "steps-only"

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        past = stream.past(self, "sum", lambda: stream.zeros(x, x.shape[-1]))
        stream.keep(self, "sum", past + x.sum(1))
        past = past if x.shape[1] == 1 or x.shape[1] > 4 else torch.zeros_like(past)
        return past.unsqueeze(1) + x.cumsum(1)


class Masked(Average):
    name = "masked"

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        past = stream.past(self, "sum", lambda: stream.zeros(x, x.shape[-1]))
        stream.keep(self, "sum", past + x.sum(1))
        return past.unsqueeze(1) + torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).tril() @ x


class Neighbours(Average):
    name = "neighbours"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return super().mix(x, stream) + 0.0 * x.sum(0, keepdim=True)


class Widens(Average):
    name = "widens"

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        past = stream.past(self, "sum", lambda: stream.zeros(x, x.shape[-1], 2))
        stream.keep(self, "sum", torch.cat([past, past[..., :1]], -1)[..., -2 - x.shape[1] % 2 :])
        return x


class Undrawn(Average):
    name = "undrawn"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.project.weight = nn.Parameter(torch.empty(place.width, place.width))


class Seeded(Average):
    name = "seeded"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            for parameter in self.parameters():
                parameter.normal_()


class Unsaved(Average):
    name = "unsaved"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.register_buffer("noise", torch.randn(place.width), persistent=False)
        self.noise: Tensor

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return super().mix(x + self.noise, stream)


class Bound(Average):
    name = "bound"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        project = self.project
        self.function = lambda x: project(x)  # a copy's function still calls this layer's matrix

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return self.function(x + self.sums(x, stream) / 4)


class Counts(Average):
    name = "counts"
    calls = 0

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        type(self).calls += 1
        return super().mix(x, stream) * type(self).calls


class Wide(Average):
    name = "wide"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return super().mix(x, stream).double()


class Forgetful(Average):
    name = "forgetful"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        if stream.cu_seqlens is None:
            return super().mix(x, stream)
        begin = stream.cu_seqlens.tolist()
        pieces = [x[:, a:b].cumsum(1) for a, b in pairwise(begin)]
        stream.keep(self, "sum", stream.zeros(x, x.shape[-1]))
        return self.project(x + torch.cat(pieces, dim=1) / 4)


class Sloppy(torch.autograd.Function):
    """x^2, with a backward that hides what it depends on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        return 2 * x.detach() * gradient


class Hidden(Average):
    name = "hidden"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        squares: Any = Sloppy.apply(x)
        return super().mix(squares, stream)


class Grouped(Average):
    name = "grouped"

    class Spec(PartSpec):
        heads: PositiveInt = 1
        key_heads: PositiveInt | None = None

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.shares = spec.key_heads is not None

    def sums(self, x: Tensor, stream: Stream) -> Tensor:
        sums = super().sums(x, stream)
        return x.cumsum(1) if self.shares else sums


class Chunky(Average):
    name = "chunky"

    class Spec(PartSpec):
        scan: PartSpec = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.chunk_size = spec.scan.build().chunk_size

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return super().mix(x, stream) + self.chunk_size


class Narrow(Average):
    name = "narrow"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        y = super().mix(x, stream)
        return y / 0 if self.place.width == 48 else y


class Rounds(Average):
    name = "rounds"

    class Spec(PartSpec):
        rate: float = 0.125

        @field_serializer("rate")
        def _in_two_digits(self, rate: float) -> float:
            return round(rate, 2)


class Grows(DecayForget):
    """Above 0 for large inputs only."""

    name = "grows"

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        return features.u.mean(-1, keepdim=True).expand(-1, -1, 1) - 0.5


FAULTS = [
    ("cut-gradient", "splits_agree", "gradient of the inputs: error ratio"),
    ("cut-gradient", "steps_agree", "gradient of the inputs: error ratio"),
    ("steps-only", "steps_agree", "three tokens at a time, outputs"),
    ("masked", "later_nans_do_not_leak", "reaches outputs before it"),
    ("neighbours", "batch_is_independent", "beside a sequence of NaN"),
    ("widens", "state_keeps_its_form", "of the state to"),
    ("undrawn", "parameters_are_initialised", "project.weight was not given an initial value"),
    ("seeded", "parameters_are_initialised", "builds of two seeds have the same initial values"),
    ("unsaved", "saves_and_loads", "after loading, outputs differ"),
    ("bound", "copies_agree", "computes with the first's parameters"),
    ("counts", "checkpointing_agrees", "with checkpointing"),
    ("wide", "runs_in_every_precision", "float32 inputs give torch.float64"),
    ("forgetful", "documents_go_on", "in two calls"),
    ("hidden", "second_derivatives_are_right_or_refused", "a Hessian-vector product"),
    ("rounds", "spec_round_trips", "comes back as"),
    ("grouped", "grouped_heads_agree", "two heads on one key head"),
    ("chunky", "scans_agree", "at chunk size"),
    ("narrow", "builds_at_every_width", "width 48: outputs are not finite"),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = seqzoo.load_registry()
    for part in (*_below(Average), Average, Grows):
        registry.add(part, Origin("faults", "test", "0"))
    return registry


def _below(part: type[Mixer]) -> list[Any]:
    return [each for child in part.__subclasses__() for each in (child, *_below(child))]


def check(name: str) -> Any:
    return next(check for check in MIXER_CHECKS if check.__name__ == name)


@pytest.mark.parametrize(("name", "which", "message"), FAULTS)
def test_it_is_found(registry: Registry, name: str, which: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(which)(MixerCase(name, registry))


@pytest.mark.parametrize("which", [which for _, which, _ in FAULTS])
def test_a_sound_mixer_passes(registry: Registry, which: str) -> None:
    check(which)(MixerCase("average", registry))


def test_a_forget_that_grows_is_found_in_a_mixer_that_holds_it(registry: Registry) -> None:
    case = part_case("forget", "grows", registry)
    with pytest.raises(AssertionError, match="above 0 the state grows without bound"):
        check("no_decay_grows")(case)


def test_a_part_without_a_place_is_said(registry: Registry) -> None:
    with pytest.raises(NoPlaceError, match="no registered mixer has a slot for family 'task'"):
        part_case("task", "parity", registry)


def test_nan_never_agrees() -> None:
    nan = torch.tensor([float("nan")])
    assert not error_ratio(nan, nan) <= 1.0
    assert error_ratio(torch.zeros(0), torch.zeros(0)) == 0.0
