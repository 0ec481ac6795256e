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
ABLATIONS = ("-no-", "-linear", "-constant", "-depth", "-r2", "-r3", "-r4", "-r5")
"""Presets that change one part of another preset."""

TOKENWISE = ("activation=", "norm=", "predictor=", "gate=", "encoder=")
"""Families that look at their own token alone."""

SAME_GRAPH = ("action=", "atlas", "omeganet", "lact", "memory=swiglu")
"""Parts and presets that change a few operations of one graph, that of `affine_psm`, of the rule
`omega` and of `attention_and_rule`."""


def runs() -> Iterator[object]:
    """Each check of each case; graphs take seconds, so those that say nothing new are left out."""
    for each in conformance(registry=REGISTRY):
        case, check = each.case, each.function
        if not isinstance(case, MixerCase):
            continue  # tests/testing/test_conformance.py
        graph, name = check.__name__ == "compiles_whole", str(case)
        documents = check.__name__ == "documents_compile_whole"
        if (graph or documents) and any(word in name for word in ABLATIONS):
            continue
        if (graph or documents) and (name.startswith(SAME_GRAPH) or only_composes(case)):
            continue
        if (graph or documents) and name == "ttt":
            continue  # the graph of the rule `ttt`, which is tried by itself
        if documents and name.startswith(TOKENWISE):
            continue
        if documents and name == "scan=reference":
            continue  # the token loop takes documents one by one: a graph has no such loop
        yield pytest.param(case, check, id=f"{name}-{check.__name__}")


def only_composes(case: MixerCase) -> bool:
    """Whether it is a preset of the recurrent mixer: each of its parts has a graph of its own."""
    if not isinstance(case.spec, str) or case.spec == "recurrent":
        return False
    return REGISTRY.spec("mixer", case.spec).part.name == "recurrent"


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
GRAPHS = ["compiles_whole", "documents_compile_whole"]


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
