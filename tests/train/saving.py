"""A small checkpoint, for the tests of those."""

from __future__ import annotations

from pathlib import Path

import torch

from seqzoo.model import LanguageModel
from seqzoo.train import checkpoint
from seqzoo.train.optimizer import AdamW
from seqzoo.train.progress import Progress

CPU = torch.device("cpu")


def optimizer_of(model: LanguageModel, steps: int) -> torch.optim.Optimizer:
    optimizer = AdamW.Spec().build().make(model)
    for _ in range(steps):
        model(torch.arange(6).view(2, 3))[0].square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return optimizer


def saved(root: Path, model: LanguageModel, step: int = 3) -> tuple[Path, torch.optim.Optimizer]:
    optimizer = optimizer_of(model, step)
    return checkpoint.save(
        root, Progress(run_id="abc", step=step), model, optimizer, CPU
    ), optimizer
