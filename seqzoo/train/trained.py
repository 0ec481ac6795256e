"""Load a trained run from its directory."""

from __future__ import annotations

from pathlib import Path

from seqzoo.errors import DirectoryError
from seqzoo.model import LanguageModel, build_model
from seqzoo.spec.document import Document, read_document
from seqzoo.spec.run import RunSpec, run_id_of
from seqzoo.spec.slot import Catalog
from seqzoo.train.checkpoint import Which, load_weights

__all__ = ["load_at_step", "load_trained", "spec_of"]


def load_trained(
    directory: Path, catalog: Catalog, which: Which = "last"
) -> tuple[RunSpec, LanguageModel]:
    """The spec and the model of a run, with the weights of a checkpoint, on the CPU.

    `load_at_step` also says at which step they were saved.

    Args:
        directory: what `seqzoo train --out` wrote, or a grid in `runs/<run_id>`.
        catalog: where names of parts are looked up.
        which: the last checkpoint, or the best by the task's metric.

    Raises:
        DirectoryError: the directory holds no run, or no such checkpoint.
        RunError: its checkpoint is damaged, or of another run than its spec.yaml.
        SpecError: its spec.yaml names parts that are not installed.
    """
    spec, model, _ = load_at_step(directory, catalog, which)
    return spec, model


def load_at_step(
    directory: Path, catalog: Catalog, which: Which = "last"
) -> tuple[RunSpec, LanguageModel, int]:
    """As `load_trained`, and the step that the checkpoint was saved at."""
    document = _document(directory)
    spec = document.validate(RunSpec, catalog)
    model = build_model(spec)
    step = load_weights(directory / "checkpoint", model, which, run_id_of(document.data))
    return spec, model, step


def spec_of(directory: Path, catalog: Catalog) -> RunSpec:
    """The spec of a run, for what is to be checked before its model is built."""
    return _document(directory).validate(RunSpec, catalog)


def _document(directory: Path) -> Document:
    path = directory / "spec.yaml"
    try:
        there = path.is_file()
    except OSError as failure:  # such as a name that is too long
        raise DirectoryError(f"{directory} cannot be read: {failure.strerror}") from None
    if not there and not directory.exists():
        raise DirectoryError(f"{directory}: no such directory; give the --out of a run")
    if not there:
        grid = (directory / "plan.json").exists()
        hint = "it is a grid: name one of its runs, DIR/runs/<run_id>" if grid else "train it first"
        raise DirectoryError(f"{directory} holds no run (there is no spec.yaml); {hint}")
    return read_document(path)
