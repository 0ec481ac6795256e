"""The language model as a whole: streaming, hybrids, tied heads, and what it costs."""

import pytest
import torch
from torch.utils import _pytree as pytree

import seqzoo
from seqzoo.model import budget, build_model
from seqzoo.model.budget import _counter
from seqzoo.model.mlp import GatedMLP, PlainMLP
from seqzoo.spec.model import ModelSpec
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry()
HYBRID = {
    "width": 32,
    "layers": [
        {"repeat": 2, "mixer": "prism"},
        {"mixer": {"type": "attention", "window": 5}, "mlp": {"type": "swiglu", "ratio": 2.0}},
        {"mixer": "gated_deltanet"},
    ],
}


def model(spec: dict, vocab_size: int = 11):
    torch.manual_seed(0)
    return build_model(spec, REGISTRY, vocab_size=vocab_size).double().eval()


def test_one_call_is_splits_is_steps() -> None:
    net = model(HYBRID)
    tokens = torch.randint(0, 11, (2, 21), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, _ = net(tokens)
        first, state = net(tokens[:, :8])
        second, _ = net(tokens[:, 8:], state)
        assert error_ratio(torch.cat([first, second], 1), logits) < 1e-12
        state = net.initial_state(2)
        for t in range(21):
            step, state = net.step(tokens[:, t], state)
            assert error_ratio(step, logits[:, t]) < 1e-12


def test_features_at_positions_are_those_of_the_whole() -> None:
    net = model(HYBRID)
    tokens = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([0, 8, 9, 26])
    with torch.no_grad():
        everywhere, state = net.hidden(tokens)
        there, other = net.hidden(tokens, positions=positions)
    assert error_ratio(there, everywhere.flatten(0, 1)[positions]) < 1e-12
    for one, two in zip(pytree.tree_leaves(state), pytree.tree_leaves(other), strict=True):
        assert torch.equal(one, two)


def test_pattern_gives_each_block_its_parts() -> None:
    net = model(HYBRID)
    assert [mixer.name for mixer in net.mixers()] == [
        "recurrent",
        "recurrent",
        "attention",
        "recurrent",
    ]
    mlps = [type(net.get_submodule(f"blocks.{index}.mlp")) for index in range(4)]
    assert mlps == [PlainMLP, PlainMLP, GatedMLP, PlainMLP]


def test_a_tied_head_is_counted_once_and_shares_its_weights() -> None:
    free = model({"width": 16, "layers": 1, "mixer": "prism"})
    tied = model({"width": 16, "layers": 1, "mixer": "prism", "tie_embeddings": True})
    assert free.parameter_count() - tied.parameter_count() == 11 * 16
    assert tied.head.weight is tied.embedding.weight


def test_a_group_can_leave_its_mlp_out_and_the_spec_says_so() -> None:
    spec = {
        "width": 16,
        "layers": [{"mixer": "prism", "mlp": None}, {"repeat": 2, "mixer": "prism"}],
        "mlp": "swiglu",
    }
    read = REGISTRY.validate(ModelSpec, spec)
    for each in (read, REGISTRY.validate(ModelSpec, read.model_dump(mode="json"))):
        assert [block.mlp and block.mlp.part.name for block in each.blocks()] == [
            None,
            "swiglu",
            "swiglu",
        ]


def test_blocks_without_mlp() -> None:
    net = model({"width": 16, "layers": 2, "mixer": "prism", "mlp": None})
    assert not any("mlp" in name for name, _ in net.named_parameters())


def test_a_swiglu_of_its_default_ratio_costs_what_a_plain_mlp_of_ratio_4_costs() -> None:
    plain = model({"width": 96, "layers": 1, "mixer": "prism", "mlp": {"ratio": 4}})
    gated = model({"width": 96, "layers": 1, "mixer": "prism", "mlp": "swiglu"})
    assert gated.parameter_count() == pytest.approx(plain.parameter_count(), rel=0.02)


def test_budget_counts_parameters_state_and_operations() -> None:
    net = model({"width": 16, "layers": 2, "mixer": "linear_attention", "mlp": {"ratio": 4}}, 10)
    costs = budget(net, 64)
    mixer = 4 * 16 * 16 + 16  # queries, keys, values, readout; the norm's gain
    mlp = 2 * 16 * 64 + 64 + 16
    assert costs.mixer_parameters == 2 * mixer
    assert costs.parameters == 2 * (mixer + mlp + 2 * 16) + 2 * 10 * 16 + 16
    assert costs.state_elements == 2 * 16 * 16
    assert costs.state_bytes == 8 * costs.state_elements
    products = 2 * (4 * 16 * 16 + 2 * 16 * 64) + 10 * 16
    assert costs.flops_per_token >= 2 * products
    assert costs.flops_per_token <= 2 * (products + 2 * 4 * 64 * 16)


def test_attention_costs_more_the_longer_the_context_and_a_scan_does_not() -> None:
    def flops(mixer: object, context: int) -> float:
        net = model({"width": 32, "layers": 1, "mixer": mixer, "mlp": None}, 10)
        return budget(net, context).flops_per_token

    short, long = (flops("attention", context) for context in (64, 256))
    assert long - short == pytest.approx(4 * 32 * (256 - 64), rel=0.01)
    assert flops("prism", 256) == pytest.approx(flops("prism", 64), rel=0.1)


def test_products_that_are_added_to_in_place_are_counted() -> None:
    with _counter() as counter:
        torch.zeros(2, 3, 4).baddbmm_(torch.ones(2, 3, 5), torch.ones(2, 5, 4))
    assert counter.get_total_flops() == 2 * 2 * 3 * 5 * 4


def test_the_vocabulary_of_a_run_is_its_tasks() -> None:
    run = {
        "model": {"width": 16, "layers": 1, "mixer": "prism"},
        "task": {"type": "parity", "vocab_size": 29},
        "train": {"steps": 1},
    }
    assert build_model(run, REGISTRY).embedding.num_embeddings == 29


def test_a_model_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="vocab_size"):
        build_model({"width": 16, "layers": 1, "mixer": "prism"}, REGISTRY)


def test_the_embedding_begins_with_the_deviation_that_is_asked_for() -> None:
    spec = {"width": 64, "layers": 1, "mixer": "attention"}
    assert 0.019 < float(model(spec, 300).embedding.weight.detach().std()) < 0.021
    wide = model({**spec, "embedding_std": 1.0}, 300)
    assert 0.95 < float(wide.embedding.weight.detach().std()) < 1.05
    other = {name: p for name, p in wide.named_parameters() if name != "embedding.weight"}
    for name, parameter in model(spec, 300).named_parameters():
        if name != "embedding.weight":
            assert torch.equal(parameter, other[name])
