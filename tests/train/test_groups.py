import pytest
import torch
from torch import nn

import seqzoo
from seqzoo.train.groups import decayed_and_not


class Gated(nn.Module):
    no_weight_decay = ("gate", "scale", "absent")

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(2, 2)
        self.gate = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(2, 2))
        self.absent = None
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def names_of(model: nn.Module) -> tuple[set[str], set[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, others = decayed_and_not(model)
    return {names[id(each)] for each in decayed}, {names[id(each)] for each in others}


def test_marks_and_dimensions_decide() -> None:
    model = nn.Sequential(nn.Embedding(3, 2), Gated(), nn.LayerNorm(2))
    decayed, others = names_of(model)
    assert decayed == {"0.weight", "1.matrix.weight"}
    gates = {"1.gate.weight", "1.gate.bias", "1.scale"}
    assert others == {"1.matrix.bias", *gates, "2.weight", "2.bias"}


def test_a_mark_of_nothing_is_an_error() -> None:
    class Wrong(nn.Module):
        no_weight_decay = ("gats",)

    with pytest.raises(TypeError, match=r"Wrong\.no_weight_decay: it has no 'gats'"):
        decayed_and_not(Wrong())


def test_decays_and_strengths_of_the_layers_are_marked() -> None:
    mixers = [
        {"type": "prism"},
        {"type": "gated_deltanet"},
        {"type": "recurrent", "forget": {"type": "channel_decay"}},
        {"type": "recurrent", "forget": {"type": "delta", "key": "own", "strength": "own"}},
    ]
    layers = [{"mixer": mixer} for mixer in mixers]
    model = seqzoo.build_model({"width": 32, "layers": layers}, vocab_size=5)
    decayed, others = names_of(model)
    assert {name for name in others if name.endswith("project.weight")} == {
        f"blocks.{index}.mixer.forget.decay.project.weight" for index in (0, 1)
    }
    assert {"blocks.0.mixer.injection.gates.weight", "blocks.2.mixer.forget.up.weight"} <= others
    assert "blocks.3.mixer.forget.erase.strength.weight" in others
    assert {"embedding.weight", "blocks.0.mixer.readout.project.weight"} <= decayed
