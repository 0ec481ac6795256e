"""Which converter reads which class of transformers. A family of converters adds its own table."""

from __future__ import annotations

from collections.abc import Mapping

from seqzoo_gla.from_transformers import (
    gated_deltanets,
    kdas,
    mamba,
    mamba2,
    minimax,
    recurrent_gemma,
    rwkv4,
    short_convs,
    xlstm,
)
from seqzoo_gla.from_transformers.converted import Converter

__all__ = ["CONVERTERS"]

CONVERTERS: Mapping[str, Converter] = {
    **gated_deltanets.CONVERTERS,
    **kdas.CONVERTERS,
    **mamba.CONVERTERS,
    **mamba2.CONVERTERS,
    **minimax.CONVERTERS,
    **recurrent_gemma.CONVERTERS,
    **rwkv4.CONVERTERS,
    **short_convs.CONVERTERS,
    **xlstm.CONVERTERS,
}
