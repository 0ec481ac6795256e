"""Other libraries' functions for the same recurrences, and for the nearest ones.

Each says which recurrence it stands beside, how its arguments are made of the leaves, and why it
cannot run here where it cannot.
"""

from scanning.peers.attention import ATTENTION
from scanning.peers.fla import FLA_CHUNKED, FLA_TOKEN
from scanning.peers.peer import Peer as Peer
from scanning.peers.peer import PeerMissingError as PeerMissingError
from scanning.peers.transformers_torch import TRANSFORMERS_CHUNKED, TRANSFORMERS_TOKEN

CHUNKED: tuple[Peer, ...] = (*FLA_CHUNKED, *TRANSFORMERS_CHUNKED, ATTENTION)
TOKEN: tuple[Peer, ...] = (*FLA_TOKEN, *TRANSFORMERS_TOKEN)

__all__ = ["CHUNKED", "TOKEN", "Peer", "PeerMissingError"]
