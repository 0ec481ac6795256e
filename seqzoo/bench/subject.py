"""The mixers to measure: named on the command line, or those of a run or grid file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import expand
from seqzoo.model import Mixer
from seqzoo.operators import Place
from seqzoo.registry import Registry
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec

__all__ = ["Subject", "subjects_of"]

WIDTH = 256  # where nothing else is said


@dataclass(frozen=True)
class Subject:
    """One mixer at one width.

    Attributes:
        name: as tables and figures show it.
        spec: of the mixer.
        width: D, features a token.
    """

    name: str
    spec: PartSpec
    width: int

    def build(self, device: torch.device) -> Mixer:
        """The mixer with the initial values of seed 0.

        Raises:
            SpecError: its sizes do not fit the width.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            mixer = self.spec.build(Place(self.width))
        return mixer.to(device)


def subjects_of(given: list[str], registry: Registry, width: int | None) -> list[Subject]:
    """The mixers that the arguments name, each once.

    Args:
        given: names of mixers, mappings in YAML such as `{type: prism, depth: 4}`, or files: runs,
            and grids, from which every distinct mixer is taken.
        registry: where names are looked up.
        width: of every mixer; None is 256, or what the file says.

    Raises:
        SpecError: unknown names or keys, wrong values, or sizes that do not fit the width.
    """
    found: dict[tuple[PartSpec, int], str] = {}
    for each in given:
        for subject in _of_one(each, registry, width):
            found.setdefault((subject.spec, subject.width), subject.name)
    subjects = [Subject(name, spec, wide) for (spec, wide), name in found.items()]
    for subject in subjects:
        subject.build(torch.device("cpu"))  # raises here, before anything is measured
    return _named_apart(subjects)


def _of_one(given: str, registry: Registry, width: int | None) -> list[Subject]:
    path = Path(given)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return _of_file(path, registry, width)
    if given.lstrip().startswith("{"):
        try:
            value = yaml.safe_load(given)
        except yaml.YAMLError as error:
            line = str(error).partition("\n")[0]
            raise SpecError(f"bench: {given} is not a YAML mapping: {line}") from None
        return [Subject(given, registry.spec("mixer", value), width or WIDTH)]
    try:
        return [Subject(given, registry.spec("mixer", given), width or WIDTH)]
    except SpecError as failure:
        raise SpecError(
            f"bench: {failure}; a file's name ends in .yaml, `seqzoo parts --family mixer` lists "
            "the mixers"
        ) from None


def _of_file(path: Path, registry: Registry, width: int | None) -> list[Subject]:
    """Each block's mixer, named after its preset or part, in a grid after the variant too."""
    spec = seqzoo.load_spec(path, registry)
    runs = [("", spec)] if isinstance(spec, RunSpec) else []
    if not isinstance(spec, RunSpec):
        runs = [(planned.variant, planned.spec) for planned in expand(spec, registry)]
    subjects = []
    for variant, run in runs:
        mixers = dict.fromkeys(layer.mixer for layer in run.model.blocks())
        for mixer in mixers:
            name = mixer.part.name
            if variant:
                name = variant if len(mixers) == 1 else f"{variant} {name}"
            subjects.append(Subject(name, mixer, width or run.model.width))
    return subjects


def _named_apart(subjects: list[Subject]) -> list[Subject]:
    """Names that several subjects share get the width, or else a number."""
    widths: dict[str, set[int]] = {}
    for subject in subjects:
        widths.setdefault(subject.name, set()).add(subject.width)
    seen: dict[str, int] = {}
    apart = []
    for subject in subjects:
        name = subject.name
        if len(widths[name]) > 1:
            name = f"{name} {subject.width}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name} ({seen[name]})"
        apart.append(Subject(name, subject.spec, subject.width))
    return apart
