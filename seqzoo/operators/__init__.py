"""Operators: the parts with parameters that a recurrent mixer is composed of."""

from seqzoo.operators.activations import Activation as Activation
from seqzoo.operators.anchors import Anchor as Anchor
from seqzoo.operators.forgets import DecayForget as DecayForget
from seqzoo.operators.forgets import Forget as Forget
from seqzoo.operators.injections import Injection as Injection
from seqzoo.operators.operator import Dims as Dims
from seqzoo.operators.operator import Operator as Operator
from seqzoo.operators.operator import State as State
from seqzoo.operators.predictors import Predictor as Predictor
from seqzoo.operators.projection import Projection as Projection
from seqzoo.operators.projection import ProjectionSpec as ProjectionSpec
from seqzoo.operators.projection import unit_norm as unit_norm
from seqzoo.operators.readouts import Readout as Readout

__all__ = [
    "Activation",
    "Anchor",
    "DecayForget",
    "Dims",
    "Forget",
    "Injection",
    "Operator",
    "Predictor",
    "Projection",
    "ProjectionSpec",
    "Readout",
    "State",
    "unit_norm",
]
