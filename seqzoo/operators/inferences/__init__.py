"""Inference modules: what a token reads of the chunks before its own, and of its own."""

from seqzoo.operators.inferences.inference import Inference as Inference
from seqzoo.operators.inferences.mlp import MlpInference as MlpInference

__all__ = ["Inference", "MlpInference"]
