import copy

import pytest
import torch
import torch.nn.functional as F

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel, build_model
from seqzoo.spec.run import RunSpec
from seqzoo.tasks import IGNORED, Batch
from seqzoo.train.objective import Objective
from seqzoo.train.schedule import Constant
from seqzoo.train.step import TrainingStep

BATCH, LENGTH, VOCABULARY = 8, 6, 11


@pytest.fixture
def model(make_spec) -> LanguageModel:
    spec: RunSpec = make_spec(model={"width": 8, "layers": 1, "mixer": "attention"})
    torch.manual_seed(0)
    return build_model(spec.model, vocab_size=VOCABULARY).double()


def ragged_batch() -> Batch:
    """Labels at very unequal numbers of positions a sequence."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
    labels = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
    kept = torch.arange(LENGTH) < torch.tensor([6, 0, 1, 0, 2, 6, 0, 1])[:, None]
    return Batch(tokens, labels.where(kept, IGNORED))


def make_step(
    model: LanguageModel, accumulate: int = 1, clip: float | None = None, warmup: int = 0
) -> TrainingStep:
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = Constant.Spec(warmup=warmup).build(10)
    return TrainingStep(Objective(model), optimizer, schedule, accumulate=accumulate, clip=clip)


def reference_gradients(model: LanguageModel, batch: Batch) -> tuple[float, list[torch.Tensor]]:
    logits, _ = model(batch.tokens)
    loss = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED)
    return loss.item(), list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.mark.parametrize("accumulate", [1, 2, 4, 8])
def test_loss_and_update_are_those_of_the_mean_over_all_labels(
    model: LanguageModel, accumulate: int
) -> None:
    batch = ragged_batch()
    before = copy.deepcopy(model)
    loss, gradients = reference_gradients(before, batch)
    measured = make_step(model, accumulate)(batch, 0)
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    # Logits and loss are taken in float32, whatever the model's type.
    assert measured.tolist() == pytest.approx([loss, float(norm)], rel=1e-6)
    for old, new, gradient in zip(before.parameters(), model.parameters(), gradients, strict=True):
        assert torch.allclose(new, old - gradient, atol=1e-6)


def test_all_positions_labelled(model: LanguageModel) -> None:
    full = Batch(ragged_batch().tokens, ragged_batch().tokens)
    loss, _ = reference_gradients(model, full)
    assert float(make_step(model)(full, 0)[0]) == pytest.approx(loss, rel=1e-6)


def test_the_gradient_is_clipped_and_the_norm_before_is_told(model: LanguageModel) -> None:
    before = copy.deepcopy(model)
    norm = float(make_step(copy.deepcopy(model))(ragged_batch(), 0)[1])
    measured = make_step(model, clip=norm / 4)(ragged_batch(), 0)
    assert float(measured[1]) == pytest.approx(norm)
    moved = [
        (new - old).detach()
        for old, new in zip(before.parameters(), model.parameters(), strict=True)
    ]
    assert float(torch.stack([each.norm() for each in moved]).norm()) == pytest.approx(
        norm / 4, rel=1e-4
    )


def test_the_schedule_scales_the_rate(model: LanguageModel) -> None:
    step = make_step(model, warmup=4)
    step(ragged_batch(), 1)
    assert step.learning_rate == 0.5
    step(ragged_batch(), 3)
    assert step.learning_rate == 1.0


def test_a_batch_without_labels_is_an_error(model: LanguageModel) -> None:
    empty = Batch(torch.zeros(2, 3, dtype=torch.int64), torch.full((2, 3), IGNORED))
    with pytest.raises(RunError, match="batch of step 7 has no label"):
        make_step(model)(empty, 7)


class Averaging(LanguageModel):
    """Adds the mean of its tokens as an auxiliary loss."""

    def hidden_and_losses(self, tokens, state=None, positions=None, cu_seqlens=None):
        hidden, after, losses = super().hidden_and_losses(tokens, state, positions, cu_seqlens)
        return hidden, after, {**losses, "tokens": tokens.double().mean() * 0.5}


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_auxiliary_losses_count_with_the_share_of_labels(make_spec, accumulate: int) -> None:
    spec: RunSpec = make_spec(model={"width": 8, "layers": 1, "mixer": "attention"})
    model = Averaging(spec.model, VOCABULARY)
    batch = ragged_batch()
    step = make_step(model, accumulate)
    measured = step(batch, 0)
    assert step.auxiliary == ("tokens",)
    labels = (batch.labels != IGNORED).sum(1).double()
    parts = zip(batch.tokens.chunk(accumulate), labels.chunk(accumulate), strict=True)
    expected = sum(0.5 * tokens.double().mean() * count.sum() for tokens, count in parts)
    assert measured[2].item() == pytest.approx(float(expected / labels.sum()), rel=1e-6)


def test_a_layer_that_forgets_a_loss_is_named(make_spec) -> None:
    class Forgetful(LanguageModel):
        def hidden_and_losses(self, tokens, state=None, positions=None, cu_seqlens=None):
            hidden, after, losses = super().hidden_and_losses(tokens, state, positions, cu_seqlens)
            self.calls = getattr(self, "calls", 0) + 1
            return hidden, after, losses if self.calls > 1 else {"a": hidden.mean()}

    spec: RunSpec = make_spec(model={"width": 8, "layers": 1, "mixer": "attention"})
    step = make_step(Forgetful(spec.model, VOCABULARY))
    step(ragged_batch(), 0)
    with pytest.raises(RunError, match=r"auxiliary losses \['a'\] before and \[\] now"):
        step(ragged_batch(), 1)
