"""Prefix scans: the brackets, in parallel and streamed.

The free magma: aggregate(a, b) is a new symbol for the pair, so that two results are equal only if
their brackets are.
"""

from __future__ import annotations

import math
from functools import reduce

import pytest
import torch
from torch import Tensor

from seqzoo.scan import PrefixCounter, prefix_scan
from seqzoo.testing import error_ratio


class FreeMagma:
    """Symbols as integers; remembers each pair's text and counts pairs and calls."""

    def __init__(self, num_leaves: int = 131) -> None:
        self.texts = [str(i) for i in range(num_leaves)]
        self.symbols: dict[tuple[int, int], int] = {}
        self.pairs = self.calls = 0

    def __call__(self, older: Tensor, newer: Tensor) -> Tensor:
        assert older.shape == newer.shape
        self.calls += 1
        self.pairs += len(older)
        return torch.tensor(
            [self._pair(a, b) for a, b in zip(older.tolist(), newer.tolist(), strict=True)],
            dtype=torch.long,
        )

    def _pair(self, a: int, b: int) -> int:
        if (a, b) not in self.symbols:
            self.symbols[a, b] = len(self.texts)
            self.texts.append(f"({self.texts[a]} {self.texts[b]})")
        return self.symbols[a, b]

    def text(self, symbol: Tensor) -> str:
        return self.texts[int(symbol)]


GOLDEN = [  # the prefixes over 1..8 leaves
    "0",
    "(0 1)",
    "((0 1) 2)",
    "((0 1) (2 3))",
    "(((0 1) (2 3)) 4)",
    "(((0 1) (2 3)) (4 5))",
    "((((0 1) (2 3)) (4 5)) 6)",
    "(((0 1) (2 3)) ((4 5) (6 7)))",
]


def leaves_of(num_leaves: int, batch: int = 1) -> Tensor:
    return torch.arange(num_leaves).expand(batch, num_leaves)


def streamed(aggregate, leaves: Tensor, identity=None) -> Tensor:
    counter = PrefixCounter(aggregate, identity)
    return torch.stack([counter.push(leaves[:, i]) for i in range(leaves.shape[1])], dim=1)


def numeric(width: int, seed: int = 0):
    """A random aggregator, neither associative nor commutative, acting row by row."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, width, width, generator=generator, dtype=torch.float64) / width**0.5

    def aggregate(older: Tensor, newer: Tensor) -> Tensor:
        return torch.tanh(older @ a + newer @ b) + 0.3 * older * newer

    return aggregate


def normal(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_golden_brackets():
    magma = FreeMagma()
    assert [magma.text(symbol) for symbol in prefix_scan(magma, leaves_of(8))[0]] == GOLDEN


@pytest.mark.parametrize("identity", [None, torch.tensor(130)])
def test_scan_and_stream_have_the_same_brackets(identity):
    """Every length 1..130, powers of two or not; later leaves change no prefix."""
    magma = FreeMagma()
    longest = prefix_scan(magma, leaves_of(130), identity)
    for num_leaves in range(1, 131):
        found = prefix_scan(magma, leaves_of(num_leaves), identity)
        assert torch.equal(found, longest[:, :num_leaves])
    assert torch.equal(streamed(magma, leaves_of(130), identity), longest)


def test_the_brackets_are_the_bits_of_the_number_of_leaves():
    """Of every number 1..130, written down from the rule, without a scan."""

    def tree(first: int, num_leaves: int) -> str:
        half = num_leaves // 2
        if not half:
            return str(first)
        return f"({tree(first, half)} {tree(first + half, half)})"

    magma = FreeMagma()
    for t, symbol in enumerate(prefix_scan(magma, leaves_of(130))[0], start=1):
        ones = [2**k for k in reversed(range(8)) if t >> k & 1]
        trees = [tree(sum(ones[:i]), size) for i, size in enumerate(ones)]
        assert magma.text(symbol) == reduce(lambda a, b: f"({a} {b})", trees)


def test_a_literal_identity_stands_once_and_innermost_left():
    magma = FreeMagma()
    magma.texts[130] = "e"
    prefixes = prefix_scan(magma, leaves_of(6), torch.tensor(130))[0]
    assert [magma.text(symbol) for symbol in prefixes] == [
        "(e 0)",
        "(e (0 1))",
        "((e (0 1)) 2)",
        "(e ((0 1) (2 3)))",
        "((e ((0 1) (2 3))) 4)",
        "((e ((0 1) (2 3))) (4 5))",
    ]


def test_the_older_operand_is_first():
    """In order, whatever the brackets; an additive aggregator could not tell."""
    magma = FreeMagma()
    for t, symbol in enumerate(prefix_scan(magma, leaves_of(70))[0]):
        text = magma.text(symbol).replace("(", "").replace(")", "")
        assert text == " ".join(map(str, range(t + 1)))


@pytest.mark.parametrize("num_leaves", [1, 2, 5, 16, 23])
@pytest.mark.parametrize("with_identity", [False, True])
def test_numeric_aggregator(num_leaves, with_identity):
    """With a batch, and an identity a row or one for all."""
    aggregate, leaves = numeric(4), normal(3, num_leaves, 4)
    for identity in (normal(4, seed=5), normal(3, 4, seed=6)) if with_identity else (None,):
        found = prefix_scan(aggregate, leaves, identity)
        assert found.shape == leaves.shape
        assert error_ratio(found, streamed(aggregate, leaves, identity)) < 1e-12


def test_trees_of_tensors():
    aggregate = numeric(4)

    def affine(older, newer):  # h -> decay * h + added, beside an unrelated leaf
        decay = older["affine"][0] * newer["affine"][0]
        added = newer["affine"][0] * older["affine"][1] + newer["affine"][1]
        return {"affine": (decay, added), "other": aggregate(older["other"], newer["other"])}

    decay, added = torch.rand(2, 11, 3, dtype=torch.float64), normal(2, 11, 3)
    found = prefix_scan(affine, {"affine": (decay, added), "other": normal(2, 11, 4)})
    hidden = torch.zeros(2, 3, dtype=torch.float64)
    for t in range(11):
        hidden = decay[:, t] * hidden + added[:, t]
        assert error_ratio(found["affine"][1][:, t], hidden) < 1e-12
    assert torch.equal(found["other"], prefix_scan(aggregate, normal(2, 11, 4)))


def test_work_and_memory():
    for levels in range(1, 9):
        num_leaves = 2**levels
        magma = FreeMagma(num_leaves)
        prefix_scan(magma, leaves_of(num_leaves))
        assert magma.pairs == 2 * (num_leaves - 1) - levels
        assert magma.calls <= 2 * levels  # one batched call a level and sweep
    magma = FreeMagma()
    counter = PrefixCounter(magma)
    for t in range(1, 129):
        calls = magma.calls
        counter.push(leaves_of(130)[:, t])
        assert counter.state is not None
        assert counter.state.num_leaves.tolist() == [t]
        assert counter.state.roots.shape == (1, t.bit_length())
        assert magma.calls - calls <= 1 + math.log2(t)
        assert magma.calls < 2 * t
    assert magma.calls == 2 * 127 - 7


def test_associative_is_the_left_fold_and_other_is_not():
    """The second half guards against a chain in the tree's clothes."""

    def matmul(older, newer):
        return newer @ older

    def left_fold(aggregate, leaves):
        prefixes = [leaves[:, 0]]
        for t in range(1, leaves.shape[1]):
            prefixes.append(aggregate(prefixes[-1], leaves[:, t]))
        return torch.stack(prefixes, dim=1)

    matrices = normal(2, 13, 3, 3) / 2
    assert error_ratio(prefix_scan(matmul, matrices), left_fold(matmul, matrices)) < 1e-12
    aggregate, leaves = numeric(4), normal(2, 13, 4)
    assert error_ratio(prefix_scan(aggregate, leaves), left_fold(aggregate, leaves)) > 1e-2


@pytest.mark.parametrize("identity", [None, torch.tensor(130)])
@pytest.mark.parametrize("num_leaves", [0, 1, 2, 3, 7, 8, 20, 31])
def test_a_counter_from_leaves_goes_on_like_a_pushed_one(num_leaves, identity):
    """Prefill by the scan, then stream; and the state moves to a new counter."""
    magma = FreeMagma()
    pushed = PrefixCounter(magma, identity)
    for i in range(num_leaves):
        pushed.push(leaves_of(num_leaves)[:, i])
    filled, prefixes = PrefixCounter.from_leaves(magma, leaves_of(num_leaves), identity)
    assert torch.equal(prefixes, prefix_scan(magma, leaves_of(num_leaves), identity))
    assert used(filled) == used(pushed)
    moved = PrefixCounter(magma, identity, pushed.state)
    for i in range(num_leaves, num_leaves + 40):
        leaf = torch.tensor([i])
        expected = pushed.push(leaf)
        assert torch.equal(filled.push(leaf), expected)
        assert torch.equal(moved.push(leaf), expected)
    assert used(filled) == used(pushed) == used(moved)


def used(counter: PrefixCounter) -> tuple[int, dict[int, int], dict[int, int]] | None:
    """t, and by level the roots and folds that a later push may read."""
    if counter.state is None:
        return None
    (t,), (roots,), (folds,) = (each.tolist() for each in counter.state)
    return (
        t,
        {k: root for k, root in enumerate(roots) if t >> k & 1},
        {k: fold for k, fold in enumerate(folds) if t >> (k + 1)},
    )


@pytest.mark.parametrize("with_identity", [False, True])
def test_gradients(with_identity):
    """The scan's gradients are the streaming program's, and finite differences' once."""
    aggregate, leaves = numeric(3), normal(2, 7, 3).requires_grad_()
    identity = normal(3, seed=9).requires_grad_() if with_identity else None
    inputs = [leaves] if identity is None else [leaves, identity]
    gradients = [
        torch.autograd.grad(run(aggregate, leaves, identity).sin().sum(), inputs)
        for run in (prefix_scan, streamed)
    ]
    for parallel, serial in zip(*gradients, strict=True):
        assert error_ratio(parallel, serial) < 1e-12
    assert torch.autograd.gradcheck(lambda *x: prefix_scan(aggregate, *x), inputs)


def test_causality_of_values_and_gradients():
    aggregate, leaves = numeric(3), normal(1, 12, 3).requires_grad_()
    prefixes = prefix_scan(aggregate, leaves)
    (gradient,) = torch.autograd.grad(prefixes[:, 6].sum(), leaves)
    assert (gradient[:, 7:] == 0).all()
    assert (gradient[:, :7] != 0).any(-1).all()
    changed = leaves.detach().clone()
    changed[:, 7:] = torch.nan
    assert torch.equal(prefix_scan(aggregate, changed)[:, :7], prefixes[:, :7])


def test_recomputing_keeps_less_and_changes_no_gradient():
    leaves, weights = normal(2, 16, 3).requires_grad_(), normal(3, 3, seed=4).requires_grad_()

    def deep(older: Tensor, newer: Tensor) -> Tensor:
        for _ in range(5):
            older = torch.tanh(older @ weights + newer)
        return older

    gradients, kept = [], []
    for recompute in (False, True):
        sizes: list[int] = []

        def note(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            prefixes = prefix_scan(deep, leaves, recompute=recompute)
        gradients.append(torch.autograd.grad(prefixes.sin().sum(), [leaves, weights]))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 3
    for kept_all, again in zip(*gradients, strict=True):
        assert error_ratio(again, kept_all) < 1e-13


def test_no_leaves_and_wrong_leaves():
    assert prefix_scan(numeric(3), torch.zeros(2, 0, 3)).shape == (2, 0, 3)
    with pytest.raises(ValueError, match=r"share their axes \(B, n\)"):
        prefix_scan(numeric(3), (torch.zeros(2, 3, 3), torch.zeros(2, 4, 3)))


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        (lambda a, b: torch.cat((a, b), -1), r"returned \(4, 6\), expected \(4, 3\)"),
        (lambda a, b: (a + b)[:1], r"returned \(1, 3\), expected \(4, 3\)"),
        (lambda a, b: {"sum": a + b}, r"returned \{sum: \(4, 3\)\}, expected \(4, 3\)"),
        (lambda a, b: None, r"returned None, expected \(4, 3\)"),
    ],
)
def test_an_aggregator_of_another_form_is_refused(aggregate, message):
    with pytest.raises(ValueError, match=rf"^aggregate\(older, newer\) {message}"):
        prefix_scan(aggregate, normal(2, 5, 3))


def test_an_identity_of_another_form_is_refused():
    for identity in (normal(4), (normal(3), normal(3))):
        with pytest.raises(
            ValueError, match=r"the identity is .*, which is no leaf of \(2, 5, 3\)"
        ):
            prefix_scan(numeric(3), normal(2, 5, 3), identity)


def test_leaves_that_are_no_tensors_are_refused():
    with pytest.raises(ValueError, match=r"share their axes \(B, n\), got None"):
        prefix_scan(numeric(3), None)
