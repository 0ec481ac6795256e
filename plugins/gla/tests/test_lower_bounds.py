"""Forget gates with a lower bound: exact at both ends, gradients too."""

import pytest
import torch

import seqzoo
from seqzoo.operators import Place
from seqzoo.train.groups import parameter_groups
from seqzoo_gla.lower_bounds import forget_gates

LOGITS = [-200.0, -40.0, -17.0, -1.0, 0.0, 1.0, 12.0, 40.0]


@pytest.mark.parametrize("bound", [None, 1e-9, 0.3, 0.999])
def test_they_are_exact_in_float32(bound: float | None) -> None:
    logits = torch.tensor(LOGITS)
    wide = logits.double()
    low = 0.0 if bound is None else float(torch.tensor(bound))
    rest = (1 - low) * torch.sigmoid(-wide)
    kept = low + (1 - low) * torch.sigmoid(wide)
    log = torch.where(rest < 0.5, torch.log1p(-rest), kept.log())
    found = forget_gates(logits, None if bound is None else torch.tensor(bound))
    torch.testing.assert_close(found[0].double(), log, rtol=1e-5, atol=0)
    torch.testing.assert_close(found[1].double(), rest, rtol=1e-5, atol=1e-44)


@pytest.mark.parametrize("bound", [None, 1e-9, 0.3, 0.999])
def test_gradients_are_finite_and_those_of_the_equation(bound: float | None) -> None:
    """d log f / d logit = (1 - b) sigmoid(-z) sigmoid(z) / f."""
    logits = torch.tensor(LOGITS, requires_grad=True)
    log, _ = forget_gates(logits, None if bound is None else torch.tensor(bound))
    (slope,) = torch.autograd.grad(log.sum(), logits)
    wide, low = logits.detach().double(), 0.0 if bound is None else float(torch.tensor(bound))
    kept = low * torch.exp(-wide) + 1  # f / sigmoid(z)
    expected = (1 - low) * torch.sigmoid(-wide) / kept
    for open_gate, smallest in ((wide >= 0, 1e-38), (wide < 0, 1e-9)):
        torch.testing.assert_close(
            slope.double()[open_gate], expected[open_gate], rtol=1e-4, atol=smallest
        )


@pytest.mark.parametrize(
    ("mixer", "decay"),
    [
        ("hgrn", {"bounds.weight", "forget.weight"}),
        ("hgrn2", {"injection.bounds.weight", "injection.project.weight"}),
    ],
)
def test_weight_decay_spares_them_and_the_gates(mixer: str, decay: set[str]) -> None:
    registry = seqzoo.load_registry()
    first = registry.spec("mixer", mixer).build(Place(16, 0, 2, 0, 2))
    spared = {name for group in parameter_groups(first) if not group.decay for name in group.names}
    assert decay <= spared
