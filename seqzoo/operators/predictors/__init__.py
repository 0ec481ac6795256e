"""Predictors: gains of refinement steps, from the anchor alone."""

from seqzoo.operators.predictors.constant import ConstantPredictor as ConstantPredictor
from seqzoo.operators.predictors.linear import LinearPredictor as LinearPredictor
from seqzoo.operators.predictors.low_rank import LowRankPredictor as LowRankPredictor
from seqzoo.operators.predictors.mlp import MlpPredictor as MlpPredictor
from seqzoo.operators.predictors.predictor import Predictor as Predictor

__all__ = [
    "ConstantPredictor",
    "LinearPredictor",
    "LowRankPredictor",
    "MlpPredictor",
    "Predictor",
]
