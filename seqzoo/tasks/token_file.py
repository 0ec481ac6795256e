"""A text file as the tokens of a tokenizer, made once, kept on disk and mapped into memory.

The tokenizer is a `tokenizer.json` of the `tokenizers` library, an extra of this package. Texts are
encoded a piece of about a mebibyte at a time, cut before the space ahead of a word, without the
tokenizer's special tokens. The ids are kept below the user's cache folder under a name that changes
with the text and with the tokenizer, so that later runs and processes only map them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.tasks.text_file import read_blocks, read_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Tokens", "read_tokens"]

FORMAT = "seqzoo tokens 1"


@dataclass(frozen=True)
class Tokens:
    """A file as tokens.

    Attributes:
        ids: (n,) int32, mapped from the cache.
        fingerprint: changes when the text or the tokenizer does.
        vocab_size: the tokenizer's largest id, and one.
        lengths: (vocab_size,) float32, UTF-8 bytes of text an id stands for, on average in the
            file; exact for tokenizers that never merge across what they leave out.
        tokenizer: encodes and decodes.
    """

    ids: Tensor
    fingerprint: str
    vocab_size: int
    lengths: Tensor
    tokenizer: Tokenizer

    def bytes_of(self, ids: Tensor) -> Tensor:
        """UTF-8 bytes in tokens of any shape: scalar float32."""
        return self.lengths.to(ids.device)[ids].sum()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)


def read_tokens(path: Path, tokenizer_path: Path) -> Tokens:
    """The tokens of a UTF-8 file, from the cache if they were made before.

    Raises:
        SpecError: the text or the tokenizer cannot be read, the `tokenizers` library is not
            installed, or the cache cannot be written.
    """
    tokenizer = _tokenizer(tokenizer_path)
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=8)
    for file in (tokenizer_path, path):
        for block in read_blocks(file):
            digest.update(block)
        digest.update(b"\0")
    name = digest.hexdigest()
    vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0) + 1
    ids_file, lengths_file = (_cache() / f"{name}.{kind}" for kind in ("ids", "lengths"))
    try:
        if not (ids_file.is_file() and lengths_file.is_file()):
            _encode_file(path, tokenizer, vocab_size, ids_file, lengths_file)
        lengths = np.fromfile(lengths_file, dtype=np.float32)
    except OSError as failure:
        raise SpecError(
            f"the tokens of {path} cannot be kept in {ids_file.parent}: {failure.strerror}; set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from None
    size = ids_file.stat().st_size // 4
    if size == 0:
        raise SpecError(f"text file {path} has no tokens for {tokenizer_path}; give another text")
    ids = torch.from_file(str(ids_file), shared=False, size=size, dtype=torch.int32)
    return Tokens(ids, name, vocab_size, torch.from_numpy(lengths), tokenizer)


def _tokenizer(path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SpecError(
            "unit token needs the tokenizers library; install it: pip install 'seqzoo[tokenizers]'"
        ) from None
    if not path.is_file():
        raise SpecError(
            f"there is no tokenizer file {path}; set `tokenizer` of task 'text' to a tokenizer.json"
        )
    try:
        return Tokenizer.from_file(str(path))
    except Exception as failure:  # the library raises no narrower kind
        raise SpecError(
            f"{path} is no tokenizer of the tokenizers library: {failure}; give a tokenizer.json"
        ) from None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "seqzoo" / "tokens"


def _encode_file(
    path: Path, tokenizer: Tokenizer, vocab_size: int, ids_file: Path, lengths_file: Path
) -> None:
    """Write the ids, and the mean bytes of each; whole files appear, or none."""
    spans = np.zeros(vocab_size)
    counts = np.zeros(vocab_size, dtype=np.int64)
    ids_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ids_file.parent) as folder:
        draft = Path(folder) / "ids"
        with draft.open("wb") as output:
            for piece in _pieces(path):
                encoding = tokenizer.encode(piece, add_special_tokens=False)
                ids = np.array(encoding.ids, dtype=np.int32)
                if len(ids) == 0:
                    continue
                ids.tofile(output)
                counts += np.bincount(ids, minlength=vocab_size)
                weights = _bytes_spanned(piece, encoding.offsets)
                spans += np.bincount(ids, weights=weights, minlength=vocab_size)
        lengths = Path(folder) / "lengths"
        (spans / np.maximum(counts, 1)).astype(np.float32).tofile(lengths)
        lengths.replace(lengths_file)
        draft.replace(ids_file)


def _pieces(path: Path) -> Iterator[str]:
    """The text in pieces, cut before the space ahead of a word: tokenizers join the two."""
    rest = ""
    for text in read_text(path):
        whole = rest + text
        words = whole.rsplit(None, 1)
        cut = len(words[0]) if len(words) == 2 else len(whole)
        rest = whole[cut:]
        yield whole[:cut]
    if rest:
        yield rest


def _bytes_spanned(piece: str, offsets: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Bytes from where each token begins to where the next does; the first begins the piece."""
    points = np.frombuffer(piece.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (points > 0x7F) + (points > 0x7FF).astype(np.int64) + (points > 0xFFFF)
    places = np.concatenate(([0], widths.cumsum()))
    begins = places[[begin for begin, _ in offsets]]
    begins[0] = 0
    return np.diff(np.maximum.accumulate(begins), append=places[-1])
