"""The prefix mixer against its definition: y over chunk i is Inf(s_(i-1), x_i), s the scan."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model import Mixer, budget, build_model, generate
from seqzoo.model.prefix import PrefixMixer
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
WIDTH = 16


def mixer(chunk: int = 4, **spec: object) -> PrefixMixer:
    torch.manual_seed(0)
    built = seqzoo.build_mixer({"type": "prefix", "chunk": chunk, **spec}, WIDTH, REGISTRY)
    assert isinstance(built, PrefixMixer)
    return built.double()


def inputs(length: int, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.float64)


def literal(layer: PrefixMixer, x: Tensor) -> Tensor:
    """Chunk by chunk; the prefix before chunk t is folded anew from the 1-bits of t."""
    size, outputs = layer.chunk, []
    batch, length = x.shape[:2]
    summaries = []
    for begin in range(0, length, size):
        chunk = x[:, begin : begin + size]
        rows = layer.encoder(chunk, torch.arange(chunk.shape[1]))
        prefix = bracketed(layer.aggregator, summaries)
        if prefix is None:
            prefix = layer.aggregator.start().expand(batch, -1, -1)
        y, _ = layer.inference(rows, layer.inference.open(layer.aggregator.read(prefix)), 0)
        outputs.append(y)
        if chunk.shape[1] == size:
            summaries.append(layer.aggregator.leaf(rows))
    return torch.cat(outputs, 1)


def bracketed(aggregate, summaries: list[Tensor]) -> Tensor | None:
    """Complete trees by the 1-bits of their number, the largest first, then a fold."""

    def tree(part: list[Tensor]) -> Tensor:
        if len(part) == 1:
            return part[0]
        middle = len(part) // 2
        return aggregate(tree(part[:middle]), tree(part[middle:]))

    prefix, begin = None, 0
    for bit in reversed(range(len(summaries).bit_length())):
        if len(summaries) >> bit & 1:
            root = tree(summaries[begin : begin + 2**bit])
            prefix = root if prefix is None else aggregate(prefix, root)
            begin += 2**bit
    return prefix


@pytest.mark.parametrize("length", [1, 3, 4, 5, 29, 60])
@pytest.mark.parametrize("chunk", [1, 4, 7])
def test_it_is_the_definition(chunk: int, length: int) -> None:
    layer, x = mixer(chunk), inputs(length)
    y, _ = layer(x)
    assert y.shape == x.shape
    assert error_ratio(y, literal(layer, x)) < 1e-12


def test_a_prefill_hands_over_to_steps_at_every_position() -> None:
    layer, x = mixer(), inputs(27)
    expected = literal(layer, x)
    for cut in range(28):
        y, state = layer(x[:, :cut])
        assert error_ratio(y, expected[:, :cut]) < 1e-12
        for t in range(cut, 27):
            y_t, state = layer.step(x[:, t], state)
            assert error_ratio(y_t, expected[:, t]) < 1e-12


def test_rows_that_have_seen_unequal_numbers_of_tokens_go_on_together() -> None:
    layer, x = mixer(), inputs(40)
    bounds = torch.tensor([0, 5, 5, 18])
    _, state = layer(x[:1, :18], cu_seqlens=bounds)
    assert state["seen"].tolist() == [5, 0, 13]
    assert state["state"].trees.num_leaves.tolist() == [1, 0, 3]
    after = torch.stack([x[0, 20:33], x[1, 20:33], x[1, :13]])
    y, state = layer(after, state)
    for row, begin, end in ((0, 0, 5), (1, 5, 5), (2, 5, 18)):
        whole = torch.cat([x[:1, begin:end], after[row : row + 1]], 1)
        assert error_ratio(y[row], literal(layer, whole)[0, end - begin :]) < 1e-12
    assert state["seen"].tolist() == [18, 13, 26]


def test_the_trees_are_the_bits_of_the_number_of_chunks() -> None:
    layer, x = mixer(1), inputs(40, 1)
    state = layer.initial_state(1)
    for t in range(1, 41):
        _, state = layer.step(x[:, t - 1], state)
        trees = state["state"].trees
        assert trees.num_leaves.tolist() == [t]
        assert trees.roots.shape[1] == t.bit_length()


def test_recomputing_changes_no_number_and_keeps_less() -> None:
    x = inputs(61).requires_grad_()
    gradients, kept = [], []
    for recompute in (False, True):
        layer = mixer(aggregator="gated_mean", recompute=recompute)
        sizes: list[int] = []

        def note(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y, _ = layer(x)
        gradients.append(torch.autograd.grad(y.sin().sum(), [x, *layer.parameters()]))
        kept.append(sum(sizes))
    assert kept[1] < kept[0]
    for first, second in zip(*gradients, strict=True):
        assert error_ratio(second, first) < 1e-13


def test_a_model_of_it_decodes_prompts_of_unequal_lengths() -> None:
    torch.manual_seed(0)
    spec = {"width": WIDTH, "layers": 2, "mixer": {"type": "prefix", "chunk": 2}}
    model = build_model(spec, REGISTRY, vocab_size=11).double().eval()
    prompts = [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([5, 6, 7, 8, 9, 1, 2])]
    generators = [torch.Generator().manual_seed(row) for row in range(3)]
    together = torch.stack(list(generate(model, prompts, 9, draws=generators)), 1)
    for row, prompt in enumerate(prompts):
        generator = [torch.Generator().manual_seed(row)]
        alone = torch.stack(list(generate(model, [prompt], 9, draws=generator)), 1)
        assert torch.equal(together[row], alone[0])
    assert budget(model, 64).state_elements == model.state_size(64)


def test_the_state_says_what_it_is() -> None:
    layer: Mixer = mixer()
    lines = dict(layer.recurrence())
    assert lines["carried"] == "a tree for each 1-bit of the number of chunks"
    assert "aggregator gated_mean" in lines
