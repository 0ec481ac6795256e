"""Operators: the parts with parameters that a mixer is composed of, and the stream they share.

place, stream, features   what an operator knows about the model, the call and a token
anchors ... readouts      one folder a family, in the order of a recurrent mixer's equation
rules                     serial updates, for the serial mixer
encoders, aggregators, inferences   for the prefix mixer
"""

from seqzoo.operators.activations import Activation as Activation
from seqzoo.operators.aggregators import Aggregator as Aggregator
from seqzoo.operators.aggregators import RowAggregator as RowAggregator
from seqzoo.operators.anchors import Anchor as Anchor
from seqzoo.operators.encoders import Encoder as Encoder
from seqzoo.operators.features import Features as Features
from seqzoo.operators.forgets import DecayForget as DecayForget
from seqzoo.operators.forgets import Forget as Forget
from seqzoo.operators.gates import Gate as Gate
from seqzoo.operators.gates import Strength as Strength
from seqzoo.operators.hidden_layer import HiddenLayer as HiddenLayer
from seqzoo.operators.hidden_layer import HiddenLayerSpec as HiddenLayerSpec
from seqzoo.operators.hints import Hint as Hint
from seqzoo.operators.inferences import Inference as Inference
from seqzoo.operators.inferences import places_from as places_from
from seqzoo.operators.injections import FirstWrite as FirstWrite
from seqzoo.operators.injections import Injection as Injection
from seqzoo.operators.low_rank import linear as linear
from seqzoo.operators.memory import Memory as Memory
from seqzoo.operators.norms import Norm as Norm
from seqzoo.operators.norms import unit_norm as unit_norm
from seqzoo.operators.operator import Operator as Operator
from seqzoo.operators.place import ChunkDims as ChunkDims
from seqzoo.operators.place import Dims as Dims
from seqzoo.operators.place import Place as Place
from seqzoo.operators.predictors import Predictor as Predictor
from seqzoo.operators.projections import LinearProjection as LinearProjection
from seqzoo.operators.projections import Projection as Projection
from seqzoo.operators.readouts import Readout as Readout
from seqzoo.operators.rotary import Rotary as Rotary
from seqzoo.operators.rotary import RotarySpec as RotarySpec
from seqzoo.operators.rules import Rule as Rule
from seqzoo.operators.short_conv import ShortConv as ShortConv
from seqzoo.operators.stream import Carrier as Carrier
from seqzoo.operators.stream import Handed as Handed
from seqzoo.operators.stream import Owner as Owner
from seqzoo.operators.stream import State as State
from seqzoo.operators.stream import Stream as Stream
from seqzoo.operators.token_shift import PreviousToken as PreviousToken

__all__ = [
    "Activation",
    "Aggregator",
    "Anchor",
    "Carrier",
    "ChunkDims",
    "DecayForget",
    "Dims",
    "Encoder",
    "Features",
    "FirstWrite",
    "Forget",
    "Gate",
    "Handed",
    "HiddenLayer",
    "HiddenLayerSpec",
    "Hint",
    "Inference",
    "Injection",
    "LinearProjection",
    "Memory",
    "Norm",
    "Operator",
    "Owner",
    "Place",
    "Predictor",
    "PreviousToken",
    "Projection",
    "Readout",
    "Rotary",
    "RotarySpec",
    "RowAggregator",
    "Rule",
    "ShortConv",
    "State",
    "Stream",
    "Strength",
    "linear",
    "unit_norm",
]
