from pathlib import Path
from typing import ClassVar

import pytest
import torch
from pydantic import ValidationError

from seqzoo.errors import SpecError
from seqzoo.model import LanguageModel, build_model
from seqzoo.operators import Hint
from seqzoo.train import checkpoint
from seqzoo.train.muon import Muon
from seqzoo.train.progress import Progress

CPU = torch.device("cpu")


@pytest.fixture
def model(make_spec) -> LanguageModel:
    torch.manual_seed(0)
    return build_model(make_spec().model, vocab_size=7).eval()


def step(model: LanguageModel, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    model(torch.arange(6).view(2, 3))[0].square().sum().backward()
    optimizer.step()


def test_hidden_matrices_take_orthogonal_steps_and_the_rest_adams(model: LanguageModel) -> None:
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    step(model, Muon.Spec(lr=0.1).build().make(model))
    matrices = set()
    for name, parameter in model.named_parameters():
        moved = (parameter - before[name]).detach() / 0.1
        if name.startswith("blocks.") and parameter.ndim == 2:
            # U V^T of the gradient, roughly, times AdamW's size: its singular values are near 1,
            # but for those that are almost 0 with so few tokens.
            values = torch.linalg.svdvals(moved / (0.2 * max(moved.shape) ** 0.5))
            assert 0.5 < values[:4].min() <= values.max() < 1.5, name
            matrices.add(name)
        else:  # a first step of Adam is the sign of the gradient
            assert torch.allclose(moved.abs()[moved != 0], torch.ones(()), atol=1e-2), name
    assert len(matrices) == 4


def test_its_state_comes_back_and_the_parts_go_on_with_it(
    model: LanguageModel, make_spec, tmp_path: Path
) -> None:
    optimizer = Muon.Spec(lr=0.1).build().make(model)
    step(model, optimizer)
    folder = checkpoint.save(tmp_path, Progress(run_id="a", step=1), model, optimizer, CPU)
    other = build_model(make_spec().model, vocab_size=7).eval()
    others = Muon.Spec(lr=0.1).build().make(other)
    checkpoint.load(folder, other, others, CPU)
    for each, run in ((model, optimizer), (other, others)):
        run.param_groups[0]["lr"] = 0.05
        step(each, run)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_torch_without_muon_is_told_of(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(SpecError, match=r"train\.optimizer: muon is torch\.optim\.Muon, which"):
        Muon.Spec().build().make(model)
    monkeypatch.undo()
    with pytest.raises(SpecError, match="no matrix that muon could train"):
        Muon.Spec().build().make(torch.nn.Linear(2, 2))


def test_both_parts_follow_the_hints_and_the_one_learning_rate() -> None:
    class Inner(torch.nn.Module):
        hints: ClassVar = {"fast": Hint(lr=2.0), "plain": Hint(decay=False, lr=3.0)}

        def __init__(self) -> None:
            super().__init__()
            self.matrix = torch.nn.Parameter(torch.ones(2, 2))
            self.fast = torch.nn.Parameter(torch.ones(3, 3))
            self.plain = torch.nn.Parameter(torch.ones(4))

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = torch.nn.ModuleList([Inner()])
            self.head = torch.nn.Parameter(torch.ones(5, 5))

    groups = Muon.Spec(lr=0.5, weight_decay=0.1).build().make(Model()).param_groups
    found = [(g["params"][0].shape[0], g["lr"], g["weight_decay"]) for g in groups]
    assert found == [(2, 0.5, 0.1), (3, 1.0, 0.1), (5, 0.5, 0.1), (4, 1.5, 0.0)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iterations", 0),
        ("iterations", 100),
        ("lr", 1e300),
        ("eps", 1e-320),
        ("weight_decay", 1e31),
    ],
)
def test_what_torch_or_float32_cannot_hold_is_refused(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=key):
        Muon.Spec.model_validate({key: value})


def test_the_largest_settings_take_a_step(model: LanguageModel) -> None:
    spec = Muon.Spec(lr=1e30, weight_decay=1e30, eps=1.2e-38, iterations=99)
    step(model, spec.build().make(model))
