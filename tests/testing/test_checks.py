"""Every registered mixer and operator passes the conformance kit; broken mixers do not."""

from collections.abc import Callable, Iterator
from unittest import SkipTest

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Anchor, Place, Stream
from seqzoo.registry import Origin, Registry
from seqzoo.testing import MIXER_CHECKS, MixerCase, conformance

from .test_planted_faults import FAULTS

REGISTRY = seqzoo.load_registry()
GRAPHS = ("compiles_whole", "documents_compile_whole")
ONE_GRAPH = (
    *("activation=", "norm=", "predictor=", "gate=", "encoder=", "inner_loss="),
    "scan=reference",
)
"""Families that look at their own token alone, so that documents change nothing; and the token
loop, which takes documents one by one: a graph has no such loop."""

SAME_GRAPH = ("action=", "memory=swiglu")
"""Parts that change a few operations of one graph: of `aggregator=affine`, of `memory=mlp`."""


def runs() -> Iterator[object]:
    """Each check of each case; graphs take seconds, so those that say nothing new are left out."""
    for each in conformance(registry=REGISTRY):
        case, check = each.case, each.function
        if not isinstance(case, MixerCase):
            continue  # tests/testing/test_conformance.py
        if check.__name__ not in GRAPHS or check.__name__ in graphs_of(case):
            yield pytest.param(case, check, id=f"{case}-{check.__name__}")


def graphs_of(case: MixerCase) -> tuple[str, ...]:
    """The checks of graphs that say something new of a case."""
    whole, documents = GRAPHS
    mixer = REGISTRY.spec("mixer", case.spec).part.name
    if isinstance(case.spec, str) and case.spec != mixer:
        return ()  # a preset: its mixer and each of its parts have graphs of their own
    if str(case).startswith(SAME_GRAPH):
        return ()
    if str(case).startswith(ONE_GRAPH):
        return (whole,)
    if mixer in ("recurrent", "mesanet"):
        return (documents,)  # one scan takes both, and its graph has the other's operations too
    return GRAPHS


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by dynamo
@pytest.mark.parametrize(("case", "check"), list(runs()))
def test_every_registered_part_conforms(
    case: MixerCase, check: Callable[[MixerCase], None]
) -> None:
    check(case)


class SeesTheFuture(Mixer):
    """The mean over all tokens."""

    name = "sees-the-future"

    def __init__(self, spec, place: Place) -> None:
        super().__init__(spec, place)
        self.project = nn.Linear(place.width, place.width)
        self.unused = nn.Parameter(torch.zeros(1))

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        stream.keep(self, "nothing", stream.zeros(x, 2))
        return self.project(x + x.sum(1, keepdim=True) / max(x.shape[1], 1))

    def state_size(self, context: int) -> int:
        return 3


DEFECTS = [
    ("is_causal", "outputs before token 1 see tokens from it on"),
    ("splits_agree", "cut into"),
    ("steps_agree", "step by step"),
    ("state_size_is_reported", "2 are carried, not 3"),
    ("documents_are_apart", "document 0:1 among others"),
    ("gradients_reach_every_parameter", "unused of layer 0: no gradient"),
]


@pytest.mark.parametrize(("name", "message"), DEFECTS)
def test_a_defect_is_found(name: str, message: str) -> None:
    registry = Registry()
    registry.add(SeesTheFuture, Origin("test", "test", "0"))
    check = next(check for check in MIXER_CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(MixerCase("sees-the-future", registry))


class LooksAtNumbers(SeesTheFuture):
    """What it does depends on numbers that a graph does not know."""

    name = "looks-at-numbers"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        if stream.cu_seqlens is not None:
            x = torch.cat(x.split(stream.cu_seqlens.diff().tolist(), 1), 1)
        y = self.project(x)
        return y if float(x.sum()) > 0 else -y


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_break_is_found(name: str) -> None:
    registry = Registry()
    registry.add(LooksAtNumbers, Origin("test", "test", "0"))
    check = next(check for check in MIXER_CHECKS if check.__name__ == name)
    with pytest.raises(TorchDynamoException):
        check(MixerCase("looks-at-numbers", registry))


def test_every_check_of_mixers_has_its_fault() -> None:
    planted = {check for _, check, _ in FAULTS} | {check for check, _ in DEFECTS} | {*GRAPHS}
    planted.add("no_decay_grows")  # test_planted_faults.py, in a mixer that holds the forget
    assert {check.__name__ for check in MIXER_CHECKS} == planted


class Deaf(SeesTheFuture):
    """Knows nothing of documents."""

    name = "deaf"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        stream.single(self)
        return super().mix(x, stream)


class Remembers(Anchor):
    """A state that does not know of documents."""

    name = "remembers"

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        stream.single(self)
        return x


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("deaf", "mixer 'deaf' cannot keep documents apart"),
        (
            {"type": "recurrent", "anchor": "remembers"},
            "anchor 'remembers' cannot keep documents apart",
        ),
    ],
)
def test_a_mixer_may_refuse_documents_in_words(spec: object, message: str) -> None:
    registry = seqzoo.load_registry()
    registry.add(Deaf, Origin("test", "test", "0"))
    registry.add(Remembers, Origin("test", "test", "0"))
    case = MixerCase(spec, registry)
    with pytest.raises(SpecError, match=message):
        case.build()(case.inputs()[:1], cu_seqlens=torch.tensor([0, case.length]))
    check = next(check for check in MIXER_CHECKS if check.__name__ == "documents_are_apart")
    with pytest.raises(SkipTest, match="refuses documents"):
        check(case)


@pytest.mark.parametrize("name", ["recurrent", "attention"])
def test_the_built_in_mixers_do_not_refuse(name: str) -> None:
    case = MixerCase(name, seqzoo.load_registry())
    bounds = torch.tensor([0, 3, case.length])
    y, _ = case.build()(case.inputs()[:1], cu_seqlens=bounds)
    assert y.shape == (1, case.length, case.width)
