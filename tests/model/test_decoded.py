"""A model whose answers a decoder reads, by the ways that all models are used."""

import pytest
import torch

import seqzoo
from seqzoo.model import LanguageModel, LastToken, budget
from seqzoo.model.decoded import DecodedModel
from seqzoo.spec.model import ModelSpec
from seqzoo.testing import error_ratio

REGISTRY = seqzoo.load_registry([])
SPEC = REGISTRY.validate(ModelSpec, {"width": 16, "layers": 2, "mixer": "attention"})


def model() -> DecodedModel:
    torch.manual_seed(0)
    return DecodedModel(SPEC, 11, LastToken.Spec()).double().eval()


def test_features_at_positions_are_those_of_the_whole() -> None:
    net = model()
    tokens = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([0, 8, 9, 26])
    with torch.no_grad():
        everywhere, _ = net.hidden(tokens)
        there, _ = net.hidden(tokens, positions=positions)
        logits, _ = net(tokens)
        last, _, _ = LanguageModel.hidden_and_losses(net, tokens)
        expected = net.decoder(last[:, -1], torch.arange(27), 9)
    assert everywhere.shape == (3, 9, 16)
    assert logits.shape == (3, 9, 11)
    assert error_ratio(everywhere.flatten(0, 1), expected) < 1e-12
    assert error_ratio(there, expected[positions]) < 1e-12
    assert error_ratio(logits, net.logits(everywhere)) < 1e-12


def test_nothing_but_the_source_reaches_the_answers() -> None:
    net = model()
    tokens = torch.randint(0, 11, (1, 5), generator=torch.Generator().manual_seed(0))
    caught = []
    net.blocks[-1].register_forward_hook(lambda _, __, output: caught.append(output[0]))
    net(tokens)
    assert caught[0].shape == (1, 16)  # of the last token alone


def test_the_rest_is_drawn_as_without_a_decoder_and_counted() -> None:
    net = model()
    torch.manual_seed(0)
    plain = LanguageModel(SPEC, 11).double()
    for name, parameter in plain.named_parameters():
        assert torch.equal(net.get_parameter(name), parameter), name
    extra = 16 * 64 + 64 + 16 * 64 + 64 * 16 + 16
    assert net.parameter_count() == plain.parameter_count() + extra
    costs, others = budget(net.float(), 8), budget(plain.float(), 8)
    assert costs.parameters == others.parameters + extra
    assert costs.state_elements == others.state_elements
    assert costs.flops_per_token > 0


def test_what_a_decoder_cannot_do_is_refused() -> None:
    net = model()
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="takes each row for one sequence"):
        net.hidden(tokens, cu_seqlens=torch.tensor([0, 2, 4]))
    with pytest.raises(ValueError, match="decoder 'last_token' reads whole sequences: the model"):
        net.step(tokens[:, 0], net.initial_state(1))


def test_build_model_takes_the_decoder_from_the_task() -> None:
    document = {"model": {"width": 16, "layers": 1, "mixer": "attention"}, "train": {"steps": 1}}
    task = {"type": "compression", "decoder": {"ratio": 2.0}}
    built = seqzoo.build_model({**document, "task": task}, REGISTRY)
    assert isinstance(built, DecodedModel)
    assert built.decoder.content.out_features == 32  # pyright: ignore[reportAttributeAccessIssue]
    assert type(seqzoo.build_model({**document, "task": "parity"}, REGISTRY)) is LanguageModel


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_it_compiles_into_one_graph() -> None:
    net = model()
    tokens = torch.randint(0, 11, (3, 9), generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([0, 8, 9, 26])

    def features(tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return net.hidden(tokens, positions=positions)[0]

    torch.compiler.reset()
    compiled = torch.compile(features, backend="aot_eager", fullgraph=True)
    assert error_ratio(compiled(tokens, positions), features(tokens, positions)) < 1e-10
    torch.compiler.reset()
