"""MLPs, optimizers, schedules, loggers, samplers and probes that each break one rule of the kit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.grid.tune.samplers import Sampler, Study
from seqzoo.model import MLP
from seqzoo.operators import Place, Stream
from seqzoo.probe.findings import Plot
from seqzoo.probe.probe import Probe, Subject
from seqzoo.spec import PartSpec
from seqzoo.train.groups import parameter_groups
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.optimizer import AdamW, Optimizer
from seqzoo.train.schedule import Schedule


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
