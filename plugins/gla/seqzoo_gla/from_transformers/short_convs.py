"""LFM2's and LFM3's gated convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqzoo_gla.from_transformers.converted import Converted, Converter

__all__ = ["CONVERTERS"]


def short_conv(module: Any) -> Converted:
    """Any of them -> `short_conv`; they differ in the kernel's default."""
    spec = {"type": "short_conv", "kernel_size": module.conv_kernel_size, "bias": module.bias}
    names = {"in_proj": "project_in", "conv": "conv", "out_proj": "project"}
    weights = {
        f"{names[layer]}.{parameter}": value
        for layer, parameter, value in (
            (*key.split("."), value) for key, value in module.state_dict().items()
        )
    }
    return Converted(spec, module.in_proj.in_features, weights)


CONVERTERS: Mapping[str, Converter] = dict.fromkeys(
    ("Lfm2ShortConv", "Lfm2MoeShortConv", "Lfm3ShortConv"), short_conv
)
