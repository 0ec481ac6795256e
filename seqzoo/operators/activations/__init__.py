"""Activations: element-wise functions without parameters."""

from seqzoo.operators.activations.activation import Activation as Activation
from seqzoo.operators.activations.builtin import Elu1 as Elu1
from seqzoo.operators.activations.builtin import Gelu as Gelu
from seqzoo.operators.activations.builtin import Identity as Identity
from seqzoo.operators.activations.builtin import Relu as Relu
from seqzoo.operators.activations.builtin import Relu2 as Relu2
from seqzoo.operators.activations.builtin import Sigmoid as Sigmoid
from seqzoo.operators.activations.builtin import Silu as Silu
from seqzoo.operators.activations.builtin import Tanh as Tanh

__all__ = ["Activation", "Elu1", "Gelu", "Identity", "Relu", "Relu2", "Sigmoid", "Silu", "Tanh"]
