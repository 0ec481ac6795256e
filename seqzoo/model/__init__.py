"""Mixers, blocks and the language model, their costs, and text generation."""

from seqzoo.model.budget import Budget as Budget
from seqzoo.model.budget import budget as budget
from seqzoo.model.build import build_mixer as build_mixer
from seqzoo.model.build import build_model as build_model
from seqzoo.model.decoder import Decoder as Decoder
from seqzoo.model.decoder import LastToken as LastToken
from seqzoo.model.generate import generate as generate
from seqzoo.model.language_model import LanguageModel as LanguageModel
from seqzoo.model.mixer import Mixer as Mixer
from seqzoo.model.mlp import MLP as MLP
from seqzoo.model.sampling import Sampling as Sampling

__all__ = [
    "MLP",
    "Budget",
    "Decoder",
    "LanguageModel",
    "LastToken",
    "Mixer",
    "Sampling",
    "budget",
    "build_mixer",
    "build_model",
    "generate",
]
