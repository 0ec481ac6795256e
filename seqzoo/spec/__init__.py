"""From YAML text to frozen specs, validated before anything runs."""

from seqzoo.spec.part import Part as Part
from seqzoo.spec.part import PartSpec as PartSpec
from seqzoo.spec.part import SpecModel as SpecModel
from seqzoo.spec.preset import Preset as Preset
from seqzoo.spec.since import since as since
from seqzoo.spec.slot import Catalog as Catalog
from seqzoo.spec.slot import resolve as resolve
from seqzoo.spec.slot import slot as slot

__all__ = ["Catalog", "Part", "PartSpec", "Preset", "SpecModel", "resolve", "since", "slot"]
