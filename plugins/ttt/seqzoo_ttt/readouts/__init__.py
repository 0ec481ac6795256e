"""Readouts of the published layers."""

from seqzoo_ttt.readouts.gated_norm import GatedNormReadout as GatedNormReadout
from seqzoo_ttt.readouts.gelu_gated import GeluGatedReadout as GeluGatedReadout
from seqzoo_ttt.readouts.head_gated import HeadGatedReadout as HeadGatedReadout
from seqzoo_ttt.readouts.layer_normed import LayerNormedReadout as LayerNormedReadout

__all__ = ["GatedNormReadout", "GeluGatedReadout", "HeadGatedReadout", "LayerNormedReadout"]
