"""RWKV-4's time mix, which transformers calls its self-attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seqzoo_gla.from_transformers.converted import Converted, Converter

__all__ = ["CONVERTERS"]


def rwkv4(module: Any) -> Converted:
    """RwkvSelfAttention -> `rwkv4`; its mixes are the token's shares, not the one before's."""
    mixes = (module.time_mix_key, module.time_mix_value, module.time_mix_receptance)
    weights = {
        "shift.mix": 1 - torch.cat([mix.flatten(0, 1) for mix in mixes]),
        "key.weight": module.key.weight,
        "value.weight": module.value.weight,
        "receptance.weight": module.receptance.weight,
        "project.weight": module.output.weight,
        "log_rate": module.time_decay,
        "bonus": module.time_first,
    }
    spec = {"type": "rwkv4", "channels": module.attention_hidden_size}
    return Converted(spec, module.key.in_features, weights)


CONVERTERS: Mapping[str, Converter] = {"RwkvSelfAttention": rwkv4}
