"""Inference modules: what a token reads from earlier chunks and from its own chunk."""

from seqzoo.operators.inferences.inference import Inference as Inference
from seqzoo.operators.inferences.inference import places_from as places_from
from seqzoo.operators.inferences.mlp import MlpInference as MlpInference

__all__ = ["Inference", "MlpInference", "places_from"]
