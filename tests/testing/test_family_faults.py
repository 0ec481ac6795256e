"""Each check of parts that no mixer holds finds the fault that it is there for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seqzoo
from seqzoo.grid.tune.samplers import Sampler, Study
from seqzoo.model import MLP, LastToken
from seqzoo.operators import Place, Stream
from seqzoo.probe.findings import Plot
from seqzoo.probe.probe import Probe, Subject
from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part, PartSpec
from seqzoo.tasks import Batch, Metric
from seqzoo.tasks.parity import Parity
from seqzoo.testing import FAMILY_CHECKS, PART_CHECKS, alone
from seqzoo.train.groups import parameter_groups
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.optimizer import AdamW, Optimizer
from seqzoo.train.schedule import Schedule


class Overflows(Parity):
    """Its labels are ids that no head gives."""

    name = "overflows"

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(size, generator)
        return Batch(batch.tokens, torch.where(batch.labels >= 0, 99, batch.labels))


class Global(Parity):
    """Its noise is torch's."""

    name = "global"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        return self.draw(size, torch.default_generator)


class Remembers(Parity):
    """A batch depends on how many were drawn."""

    name = "remembers"
    drawn = 0

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        self.drawn += 1
        return super().train_batch(size, seed, self.drawn)


class Same(Parity):
    """One batch for every seed."""

    name = "same"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        return super().train_batch(size, 0, step)


class Cuts(Parity):
    """The test set depends on how it is cut."""

    name = "cuts"

    def test_batches(self, size: int) -> Iterator[Batch]:
        for index in range(0, 64, size):
            yield super().train_batch(size, 0, 10**6 + index)


class Leaks(Parity):
    """Trains on the test set."""

    name = "leaks"

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        first = (seed + step) % 7
        test = next(iter(self.test_batches(size + first)))
        return test.rows(first, size + first)


class Upside(Parity):
    """Takes fewer right answers for better."""

    name = "upside"
    metric = Metric("accuracy", higher_is_better=False)


class Sure(Parity):
    """Says that guessing is better than knowing."""

    name = "sure"
    metric = Metric("accuracy", higher_is_better=True, chance=3.0)


class Averages(Parity):
    """Gives means, and not sums."""

    name = "averages"

    def measure(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        sums = super().measure(logits, batch)
        return {name: value / sums["count"] for name, value in sums.items()}


class Hides(Parity):
    """Puts a class among the noise, where it says classes never are."""

    name = "hides"

    def draw(self, size: int, generator: torch.Generator) -> Batch:
        batch = super().draw(size, generator)
        batch.tokens[:, 0] = 1
        return batch


class Twice(LastToken):
    """Asks for a position twice."""

    name = "twice"

    def sources(self, rows: int, length: int, device: torch.device) -> Tensor:
        return super().sources(rows, length, device) * 0


class Counts(LastToken):
    """What a position is given depends on the others that are asked for."""

    name = "counts"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features, positions, length) + len(positions)


class Blends(LastToken):
    """Centres features over the batch."""

    name = "blends"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features - features.mean(0), positions, length)


class Idle(LastToken):
    """Has a parameter that nothing reads, of whatever was in memory."""

    name = "idle"

    def __init__(self, spec: Any, width: int) -> None:
        super().__init__(spec, width)
        self.idle = nn.Parameter(torch.empty(3))


class Doubles(LastToken):
    """Computes in float64, whatever it is given."""

    name = "doubles"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features, positions, length).double()


class Peeks(MLP):
    """Sees the token after."""

    name = "peeks"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.up = nn.Linear(place.width, place.width)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return self.up(x + x.roll(-1, dims=-2))


class Forgets(Peeks):
    """Looks back within a call, and keeps nothing."""

    name = "forgets"
    looks_back = True

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return self.up(x.cumsum(1))


class Normalises(Peeks):
    """Takes its statistics over the batch."""

    name = "normalises"

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        return self.up(x - x.mean(0, keepdim=True))


class Deaf(AdamW):
    """Knows no hints."""

    name = "deaf"

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        parameters = [each for each in model.parameters() if each.requires_grad]
        return torch.optim.AdamW(parameters, lr=self.spec.lr)


class Climbs(AdamW):
    """Goes up."""

    name = "climbs"

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        parameters = [each for each in model.parameters() if each.requires_grad]
        return torch.optim.SGD(parameters, lr=0.1, maximize=True)


class Partial(AdamW):
    """Forgets the bias."""

    name = "partial"

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD([each for each in model.parameters() if each.ndim > 1], lr=0.1)


class Stateful(torch.optim.SGD):
    """Keeps the number of steps where no checkpoint sees it."""

    steps = 0

    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.steps += 1
        for group in self.param_groups:
            group["lr"] *= 1 / self.steps
        super().step(closure)
        for group in self.param_groups:
            group["lr"] *= self.steps


class Attribute(Optimizer):
    """As above."""

    name = "attribute"

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        groups = parameter_groups(model)
        return Stateful([{"params": list(g.parameters), "lr": 0.1 * g.lr} for g in groups])


class Below(Schedule):
    """Falls below 0."""

    name = "below"

    def factor(self, step: int) -> float:
        return 1.0 - step / 10


class Calls(Schedule):
    """Counts its calls."""

    name = "calls"
    calls = 0

    def factor(self, step: int) -> float:
        self.calls += 1
        return 1.0 / self.calls


class Wants(Logger):
    """Wants a key that rows do not have."""

    name = "wants"

    def logged(self, row: dict[str, Any]) -> None:
        row["perplexity"].bit_length()


class Opened(Logger):
    """Closes what was never opened."""

    name = "opened"
    file: Any = None

    def close(self) -> None:
        self.file.close()


class Beyond(Sampler):
    """Proposes what is just outside."""

    name = "beyond"

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        values = {"train.optimizer.lr": 0.2, "model.layers": 1, "model.mixer": "attention"}
        return {path: values[path] for path in study.space}


class Keeps(Sampler):
    """Has its next proposal in the directory alone."""

    name = "keeps"

    def propose(self, study: Study, directory: Path) -> Mapping[str, Any]:
        number = len(study.trials)
        if number:
            (directory / str(number)).read_text()
        (directory / str(number + 1)).write_text("next")
        return {"train.optimizer.lr": 0.01, "model.layers": 1, "model.mixer": "attention"}


class Ragged(Probe):
    """Rows of several kinds."""

    name = "ragged"
    title = "rows"
    meaning = "none"
    plot = Plot("layer", ("value",), "", "layer", "value")

    def rows(self, subject: Subject) -> list[dict[str, Any]]:
        return [{"layer": 0, "value": 1.0}, {"layer": 1}]


class Meddles(Ragged):
    """Changes the model."""

    name = "meddles"

    def rows(self, subject: Subject) -> list[dict[str, Any]]:
        with torch.no_grad():
            subject.model.head.weight.mul_(2)
        return [{"layer": 0, "value": 1.0}]


class Silent(Schedule):
    name = "silent"

    def factor(self, step: int) -> float:
        return 1.0


FAULTS: list[tuple[type[Part], str, str]] = [
    (Overflows, "ids_lie_in_the_vocabulary", r"a label of train_batch\(16, 0, 0\) is 99, outside"),
    (Global, "draws_are_functions_of_seed_and_step", "depends on what was drawn before, or on"),
    (Remembers, "draws_are_functions_of_seed_and_step", "depends on what was drawn before, or on"),
    (Same, "seeds_and_steps_differ", r"train_batch\(16, 1, 0\) is train_batch\(16, 0, 0\)"),
    (Cuts, "the_test_set_is_fixed", r"test_batches\(1\) is not test_batches\(16\)"),
    (Leaks, "training_leaves_the_test_set_out", "holds a sequence of the test set"),
    (Upside, "right_answers_score_best", "accuracy is 1 for right answers and 0 for wrong ones"),
    (Sure, "right_answers_score_best", "its chance level is 3, beyond 0 and 1"),
    (Averages, "sums_add_up", "of two halves adds up to"),
    (Hides, "vocabulary_is_told_whole", "has tokens of 'classes', which it says are never"),
    (Twice, "sources_are_positions", "a position is asked for twice"),
    (Counts, "answers_do_not_depend_on_each_other", "some positions: error ratio"),
    (Blends, "rows_are_apart", "beside a sequence of NaN, row 0"),
    (Idle, "gradients_reach_every_parameter", "idle: no gradient"),
    (Idle, "parameters_are_initialised", "idle was not given an initial value"),
    (Doubles, "runs_in_every_precision", "float32 features give torch.float64"),
    (Peeks, "is_causal", "results before token 7 see tokens from it on"),
    (Forgets, "pieces_agree", r"cut into \[6, 7\]: error ratio"),
    (Normalises, "rows_are_apart", "beside a sequence of NaN, the first"),
    (Climbs, "it_learns", "after 30 steps a loss of"),
    (Partial, "groups_hold_every_parameter_once", "do not hold every parameter once"),
    (Deaf, "hints_are_heeded", "with a hint of 2.0 a rate of 0.001 is"),
    (Attribute, "it_goes_on_from_a_checkpoint", "after loading, .* goes on otherwise"),
    (Below, "factors_are_numbers", "the factor at step 11 of 50 is -0.1"),
    (Calls, "the_step_alone_decides", "depends on which steps were asked for before"),
    (Beyond, "proposals_lie_in_the_space", "trial 0: train.optimizer.lr is 0.2"),
    (Ragged, "rows_are_of_one_kind", r"one row has the columns \['layer'\], another"),
    (Meddles, "it_changes_nothing", "it changes head.weight"),
    (Silent, "says_what_it_is", "schedule=silent has no docstring"),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = seqzoo.load_registry()
    for part in {part for part, _, _ in FAULTS} | {Wants, Opened, Keeps}:
        registry.add(part, Origin("faults", "test", "0"))
    return registry


def check(family: str, name: str) -> Any:
    every = (*FAMILY_CHECKS[family], *PART_CHECKS)
    return next(each for each in every if each.__name__ == name)


@pytest.mark.parametrize(
    ("part", "which", "message"), FAULTS, ids=[f"{part.name}-{which}" for part, which, _ in FAULTS]
)
def test_it_is_found(registry: Registry, part: type[Part], which: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(part.family, which)(alone(part.family, part.name, registry))


@pytest.mark.parametrize(
    ("family", "name", "which", "error"),
    [
        ("logger", "wants", "takes_a_run", KeyError),
        ("logger", "opened", "may_be_closed_before_it_starts", AttributeError),
        ("sampler", "keeps", "another_process_may_ask", FileNotFoundError),
    ],
)
def test_what_breaks_by_itself_is_not_hidden(
    registry: Registry, family: str, name: str, which: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        check(family, which)(alone(family, name, registry))


def test_every_check_has_its_fault() -> None:
    planted = {which for _, which, _ in FAULTS}
    planted |= {"takes_a_run", "may_be_closed_before_it_starts", "another_process_may_ask"}
    every = {each.__name__ for checks in FAMILY_CHECKS.values() for each in checks}
    assert every - planted == {"fits_its_contract"}  # tests/tasks/test_contract.py has its faults
