import re

import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks.compression import Compression
from seqzoo.tasks.copying import Copying
from seqzoo.tasks.fuzzy_recall import FuzzyRecall
from seqzoo.tasks.in_context_recall import InContextRecall
from seqzoo.tasks.local_xor import LocalXor
from seqzoo.tasks.memorization import Memorization
from seqzoo.tasks.modulo_add import ModuloAdd
from seqzoo.tasks.mqar import Mqar
from seqzoo.tasks.mux import Mux
from seqzoo.tasks.palindrome import Palindrome
from seqzoo.tasks.parity import Parity
from seqzoo.tasks.poly_recall import PolyRecall
from seqzoo.tasks.selective_copying import SelectiveCopying
from seqzoo.tasks.silence_gate import SilenceGate
from seqzoo.tasks.synthetic import SyntheticSpec
from seqzoo.tasks.variable_tracking import VariableTracking

SPECS = [
    Compression.Spec(length=10, test_size=50),
    Copying.Spec(length=20, count=5, test_size=50),
    FuzzyRecall.Spec(length=40, test_size=50),
    InContextRecall.Spec(length=20, test_size=50),
    Memorization.Spec(length=10, test_size=50),
    LocalXor.Spec(length=10, test_size=50),
    Parity.Spec(length=10, test_size=50),
    Mqar.Spec(length=16, vocab_size=64, test_size=50),
    ModuloAdd.Spec(length=10, test_size=50),
    Mux.Spec(length=10, test_size=50),
    Palindrome.Spec(length=10, test_size=50),
    PolyRecall.Spec(length=16, test_size=50),
    SelectiveCopying.Spec(length=20, count=5, test_size=50),
    SilenceGate.Spec(length=10, test_size=50),
    VariableTracking.Spec(length=20, test_size=50),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.part.name)
def test_a_batch_is_a_function_of_seed_and_step(spec: SyntheticSpec) -> None:
    torch.manual_seed(1)
    first = spec.build().train_batch(8, seed=3, step=5)
    torch.manual_seed(2)
    task = spec.build()
    task.train_batch(8, seed=3, step=4)
    again = task.train_batch(8, seed=3, step=5)
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.tokens, task.train_batch(8, seed=4, step=5).tokens)
    assert not torch.equal(first.tokens, task.train_batch(8, seed=3, step=6).tokens)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.part.name)
def test_the_test_set_is_the_same_for_every_batch_size(spec: SyntheticSpec) -> None:
    task = spec.build()
    task.train_batch(8, seed=3, step=4)
    parts = list(task.test_batches(7))
    whole = next(iter(spec.build().test_batches(1000)))
    assert [len(part.tokens) for part in parts] == [7] * 7 + [1]
    assert torch.equal(torch.cat([part.tokens for part in parts]), whole.tokens)
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)


@pytest.mark.parametrize(
    "task",
    [Copying, Mqar, Mux, Palindrome, Parity, PolyRecall, SilenceGate, VariableTracking],
)
def test_no_remedy_is_named_that_is_refused_itself(task: type) -> None:
    with pytest.raises(ValidationError) as caught:
        task.Spec(length=1)
    (error,) = caught.value.errors()
    assert "use a longer sequence" in error["msg"] or "use length >=" in error["msg"]
    assert not re.search("<=|fewer", error["msg"])
