"""Every registered mixer and operator passes the conformance kit; broken mixers do not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.operators import Anchor, State
from seqzoo.registry import Origin, Registry
from seqzoo.testing import MIXER_CHECKS, MixerCase, registered_cases

CASES = tuple(registered_cases(seqzoo.load_registry()))


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_registered_part_conforms(
    case: MixerCase, check: Callable[[MixerCase], None]
) -> None:
    if str(case) == "scan=reference" and check.__name__ == "documents_compile_whole":
        pytest.skip("the token loop takes documents one by one, and a graph has no such loop")
    check(case)


class SeesTheFuture(Mixer):
    """The mean over all tokens."""

    name = "sees-the-future"

    def __init__(self, spec, width: int) -> None:
        super().__init__(spec, width)
        self.project = nn.Linear(width, width)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        return self.project(x + x.mean(1, keepdim=True)), torch.zeros(x.shape[0], 2)

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        return self(x)[0]

    def start(self, like: Tensor) -> State:
        return like.new_zeros(like.shape[0], 2)

    def state_size(self, context: int) -> int:
        return 3

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        return ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("is_causal", "outputs before token 1 see tokens from it on"),
        ("splits_agree", "cut at"),
        ("steps_agree", "step by step"),
        ("state_size_is_reported", "2 are carried, not 3"),
        ("documents_are_apart", "document 0:1 among others"),
        ("gradients_reach_every_parameter", "unused: no gradient"),
    ],
)
def test_a_defect_is_found(name: str, message: str) -> None:
    registry = Registry()
    registry.add(SeesTheFuture, Origin("test", "test", "0"))
    check = next(check for check in MIXER_CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(MixerCase("sees-the-future", registry))


class LooksAtNumbers(SeesTheFuture):
    """What it does depends on numbers that a graph does not know."""

    name = "looks-at-numbers"

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        y = self.project(x)
        return y if float(x.sum()) > 0 else -y, self.start(x)

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        return torch.cat([self(part)[0] for part in x.split(cu_seqlens.diff().tolist(), 1)], 1)


@pytest.mark.parametrize("name", ["compiles_whole", "documents_compile_whole"])
def test_a_graph_break_is_found(name: str) -> None:
    registry = Registry()
    registry.add(LooksAtNumbers, Origin("test", "test", "0"))
    check = next(check for check in MIXER_CHECKS if check.__name__ == name)
    with pytest.raises(TorchDynamoException):
        check(MixerCase("looks-at-numbers", registry))


class Deaf(SeesTheFuture):
    """Knows nothing of documents."""

    name = "deaf"
    packed = Mixer.packed


class Remembers(Anchor):
    """A state that no method `packed` knows of."""

    name = "remembers"

    def initial_state(self, like: Tensor) -> State:
        return like.new_zeros(like.shape[0], 1)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("deaf", "mixer 'deaf' cannot keep documents apart"),
        (
            {"type": "recurrent", "anchor": "remembers"},
            "anchor 'remembers' cannot keep documents apart: it carries a state",
        ),
    ],
)
def test_a_mixer_may_refuse_documents_in_words(spec: object, message: str) -> None:
    registry = seqzoo.load_registry()
    registry.add(Deaf, Origin("test", "test", "0"))
    registry.add(Remembers, Origin("test", "test", "0"))
    case = MixerCase(spec, registry)
    with pytest.raises(SpecError, match=message):
        case.build().packed(case.inputs()[:1], torch.tensor([0, case.length]))
    check = next(check for check in MIXER_CHECKS if check.__name__ == "documents_are_apart")
    check(case)


@pytest.mark.parametrize("name", ["recurrent", "attention"])
def test_the_built_in_mixers_do_not_refuse(name: str) -> None:
    case = MixerCase(name, seqzoo.load_registry())
    y = case.build().packed(case.inputs()[:1], torch.tensor([0, 3, case.length]))
    assert y.shape == (1, case.length, case.width)
