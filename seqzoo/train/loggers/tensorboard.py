"""Logger `tensorboard`: a run's curves for TensorBoard, in `tensorboard/` in its directory.

`tensorboard --logdir DIR` shows every run below DIR, so a grid's runs side by side.
"""

from __future__ import annotations

import importlib
from typing import Any

import yaml
from rich.console import Console

from seqzoo.errors import SpecError
from seqzoo.files import writing
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train.facts import Facts
from seqzoo.train.loggers.logger import Logger
from seqzoo.train.loggers.named_numbers import named_numbers

__all__ = ["TensorboardLogger"]

FOLDER = "tensorboard"


class TensorboardLogger(Logger):
    """Curves for TensorBoard, in `tensorboard/` in the run's directory; extra `tensorboard`."""

    name = "tensorboard"

    def __init__(self, spec: PartSpec, console: Console | None = None) -> None:
        super().__init__(spec, console)
        try:
            self._library = importlib.import_module("torch.utils.tensorboard")
        except ImportError:
            raise SpecError(
                "logger 'tensorboard' needs TensorBoard; install it with "
                "pip install 'seqzoo[tensorboard]', or leave it out of train.loggers"
            ) from None
        self._writer: Any = None

    def started(self, spec: RunSpec, facts: Facts) -> None:
        """Opens an event file; TensorBoard drops events of steps that are repeated.

        Raises:
            RunError: it cannot be written.
        """
        folder = facts.directory / FOLDER
        again = folder.exists()
        with writing(folder):
            self._writer = self._library.SummaryWriter(
                str(folder), purge_step=facts.resumed_at + 1 if again else None
            )
            if not again:
                text = yaml.safe_dump(spec.resolved(), sort_keys=False, allow_unicode=True)
                indented = "".join(f"    {line}\n" for line in text.splitlines())  # code
                self._writer.add_text("spec", indented, 0)

    def logged(self, row: dict[str, Any]) -> None:
        """Writes one event per number, under `train/`."""
        for name, value in named_numbers(row).items():
            self._writer.add_scalar(name, value, row["step"])

    def evaluated(self, row: dict[str, Any]) -> None:
        """Writes one event per number, under `evaluation/`."""
        self.logged(row)

    def saving(self, step: int) -> None:
        """Flushes the events, since a resumed run does not write them again."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
