"""Streaming decode against feeding the whole text anew for every token."""

import pytest
import torch

import seqzoo
from seqzoo.model import LanguageModel, build_model, generate
from seqzoo.model.generate import sample

REGISTRY = seqzoo.load_registry()


def model() -> LanguageModel:
    torch.manual_seed(0)
    spec = {"width": 16, "layers": [{"mixer": "prism"}, {"mixer": "attention"}]}
    return build_model(spec, REGISTRY, vocab_size=13).eval()


def test_greedy_tokens_are_those_of_the_whole_text() -> None:
    net = model()
    torch.nn.init.normal_(net.embedding.weight)
    text = torch.randint(0, 13, (3, 5), generator=torch.Generator().manual_seed(1))
    drawn = torch.stack(list(generate(net, text, 12, temperature=0.0)), dim=1)
    with torch.no_grad():
        for _ in range(12):
            logits, _ = net(text)
            text = torch.cat([text, logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(drawn, text[:, 5:])


def test_draws_repeat_with_their_generator() -> None:
    net, prompt = model(), torch.zeros(2, 1, dtype=torch.long)
    draws = [
        torch.stack(list(generate(net, prompt, 20, generator=torch.Generator().manual_seed(seed))))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_top_k_keeps_the_k_most_likely() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0]]).expand(500, 4)
    generator = torch.Generator().manual_seed(0)
    assert set(sample(logits, 1.0, 2, generator).tolist()) == {1, 3}
    assert set(sample(logits, 0.0, None, generator).tolist()) == {1}


def test_temperature_sharpens() -> None:
    logits = torch.tensor([[0.0, 1.0]]).expand(4000, 2)
    generator = torch.Generator().manual_seed(0)
    cold = sample(logits, 0.5, None, generator).double().mean()
    hot = sample(logits, 2.0, None, generator).double().mean()
    assert float(cold) == pytest.approx(0.881, abs=0.02)
    assert float(hot) == pytest.approx(0.622, abs=0.03)


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.long), {}, "T >= 1"),
        (torch.zeros(1, 1, dtype=torch.long), {"temperature": -1.0}, "temperature"),
        (torch.zeros(1, 1, dtype=torch.long), {"top_k": 0}, "top_k"),
    ],
)
def test_bad_arguments_are_refused(prompt: torch.Tensor, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(generate(model(), prompt, 1, **options))
