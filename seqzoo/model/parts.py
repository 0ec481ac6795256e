"""The built-in mixers and MLPs, registered like any plugin's."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.model.attention import AttentionMixer
from seqzoo.model.decoder import LastToken
from seqzoo.model.mlp import GatedMLP, PlainMLP
from seqzoo.model.prefix import PrefixMixer
from seqzoo.model.recurrent import RecurrentMixer
from seqzoo.model.serial import SerialMixer
from seqzoo.registry import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Mixers `recurrent`, `serial`, `prefix`, `attention`; MLPs `mlp`, `swiglu`; decoder
    `last_token`."""
    mixers = (RecurrentMixer, SerialMixer, PrefixMixer, AttentionMixer)
    for part in (*mixers, PlainMLP, GatedMLP, LastToken):
        register(part)
