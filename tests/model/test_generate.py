"""Streaming decode against feeding the whole text anew for every token."""

from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.model import LanguageModel, Sampling, build_model, generate
from seqzoo.model.generate import _joined
from seqzoo.model.mixer import state_elements

REGISTRY = seqzoo.load_registry()
GREEDY = Sampling(temperature=0)
HYBRID = [{"mixer": "prism"}, {"mixer": "attention"}]
MIXERS = ["prism", "gated_deltanet", "attention"]


def model(layers: Any = HYBRID) -> LanguageModel:
    torch.manual_seed(0)
    net = build_model({"width": 16, "layers": layers}, REGISTRY, vocab_size=13).eval()
    torch.nn.init.normal_(net.embedding.weight)
    return net


def of(mixer: str) -> LanguageModel:
    return model([{"repeat": 2, "mixer": mixer}])


def prompts(*lengths: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 13, (length,), generator=generator) for length in lengths]


def test_greedy_tokens_are_those_of_the_whole_text() -> None:
    net = model()
    text = torch.stack(prompts(5, 5, 5))
    drawn = torch.stack(list(generate(net, text, 12, GREEDY)), dim=1)
    with torch.no_grad():
        for _ in range(12):
            logits, _ = net(text)
            text = torch.cat([text, logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(drawn, text[:, 5:])


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(0.8, top_k=9, top_p=0.9)], ids=str)
@pytest.mark.parametrize("mixer", MIXERS)
def test_prompts_of_any_length_give_what_each_gives_alone(mixer: str, sampling: Sampling) -> None:
    net, rows = of(mixer), prompts(7, 1, 3, 7, 12, 1)

    def draws(*seeds: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    together = torch.stack(list(generate(net, rows, 15, sampling, draws(*range(6)))), dim=1)
    assert len({tuple(row) for row in together.tolist()}) > 2
    for place, row in enumerate(rows):
        alone = torch.stack(list(generate(net, [row], 15, sampling, draws(place))), dim=1)
        assert torch.equal(alone[0], together[place]), place


@pytest.mark.parametrize("mixer", MIXERS)
def test_one_call_a_length_and_then_a_token_a_step_in_constant_memory(
    mixer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = of(mixer)
    read: list[tuple[int, ...]] = []
    held: list[int] = []
    hidden, step = net.hidden, net.step

    def reading(tokens: torch.Tensor, *rest: Any) -> Any:
        read.append(tuple(tokens.shape))
        return hidden(tokens, *rest)

    def stepping(tokens: torch.Tensor, state: Any) -> Any:
        logits, after = step(tokens, state)
        held.append(state_elements(after))
        return logits, after

    monkeypatch.setattr(net, "hidden", reading)
    monkeypatch.setattr(net, "step", stepping)
    list(generate(net, prompts(4, 9, 4), 6, GREEDY))
    if mixer == "attention":
        assert read == [(2, 4), (1, 9), *[(2, 1), (1, 1)] * 5]
        assert held[-1] > held[1]
    else:
        assert read == [(2, 4), (1, 9), *[(3, 1)] * 5]
        assert len(set(held)) == 1


def test_draws_repeat_with_their_generator() -> None:
    net, prompt = model(), torch.zeros(2, 1, dtype=torch.long)
    draws = [
        torch.stack(list(generate(net, prompt, 20, draws=torch.Generator().manual_seed(seed))))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 0, dtype=torch.long), [], [torch.zeros(1, 1, dtype=torch.long)]]
)
def test_bad_prompts_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="T >= 1"):
        list(generate(model(), wrong, 1))


@pytest.mark.parametrize(
    ("ours", "theirs", "fits"),
    [
        ((2, 3), (1, 3), True),
        ((2, 3), (1, 4), False),
        ((2, 3), (2, 3), False),  # the second has one sequence
        ((3, 3), (1, 3), False),  # the first has two
        ((2,), (1,), True),
        ((), (1,), False),
        ((2,), (), False),
    ],
)
def test_groups_are_joined_where_their_states_have_a_row_a_sequence(
    ours: tuple[int, ...], theirs: tuple[int, ...], fits: bool
) -> None:
    first = (torch.tensor([0, 2]), torch.zeros(2, 5), {"a": torch.zeros(ours)})
    second = (torch.tensor([1]), torch.ones(1, 5), {"a": torch.ones(theirs)})
    joined = _joined(first, second)
    assert (joined is not None) == fits
    if joined is not None:
        members, logits, state = joined
        assert members.tolist() == [0, 2, 1]
        assert logits[:, 0].tolist() == [0, 0, 1]
        assert len(state["a"]) == 3
    assert _joined(first, (*second[:2], {"b": torch.ones(theirs)})) is None
