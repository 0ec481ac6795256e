"""RWKV-7 (arXiv 2503.14456): its time mix as parts of the recurrent mixer, and its channel mix.

With x' = x_t + mu * (x_{t-1} - x_t), a mix of a token and the one before for each use,

    S_t = S_{t-1} (Diag(w_t) - kk_t (a_t * kk_t)^T) + v_t k_t^T        o_t = S_t r_t

Initial values, weight decay and learning rates are those that the author asks for; see docs.
"""

from seqzoo_gla.delta.rwkv7.channel_mix import Rwkv7ChannelMix
from seqzoo_gla.delta.rwkv7.decay import Rwkv7Decay
from seqzoo_gla.delta.rwkv7.erase import Rwkv7Erase
from seqzoo_gla.delta.rwkv7.readout import Rwkv7Readout
from seqzoo_gla.delta.rwkv7.receptance import Rwkv7Receptance
from seqzoo_gla.delta.rwkv7.write import Rwkv7Write

__all__ = [
    "Rwkv7ChannelMix",
    "Rwkv7Decay",
    "Rwkv7Erase",
    "Rwkv7Readout",
    "Rwkv7Receptance",
    "Rwkv7Write",
]
