"""A text file as a tokenizer's tokens, encoded once and cached on disk.

The tokenizer is a `tokenizer.json` of the `tokenizers` library, an extra of this package. Texts are
encoded without special tokens and without settings saved for other uses: truncation, padding, and
dropout of merges. The tokens are cached in the user's cache folder under a name that changes with
the text and with the tokenizer, so that later runs and processes only open them.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.files import NotRegularError, open_regular, read_regular
from seqzoo.tasks.text_file import changed_meanwhile, held_out_from, read_blocks, read_text
from seqzoo.tasks.token_ids import BLOCK, FileIds, Ids
from seqzoo.tasks.tokenized import tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Tokens", "read_tokens"]

FORMAT = "seqzoo tokens 2"
SAMPLE = 1 << 16  # characters in which tokens that say less than the text are looked for
IDS, SPANS, LENGTHS, SEAL = "ids", "spans", "lengths", "seal.json"


@dataclass(frozen=True)
class Tokens:
    """A file as tokens.

    Attributes:
        ids: of the whole file, from the cache.
        fingerprint: changes when the text's content does.
        tokenizer_fingerprint: changes when the tokenizer's file does.
        vocab_size: one more than the tokenizer's largest id.
        lengths: (vocab_size,) float32, mean UTF-8 bytes of text for each id in this file; exact
            for tokenizers that never merge across text they leave out.
        tokenizer: encodes and decodes.
        folder: where the tokens are kept.
        notes: saved settings of the tokenizer that are not used, and what its tokens lose of the
            text.
    """

    ids: Ids
    fingerprint: str
    tokenizer_fingerprint: str
    vocab_size: int
    lengths: Tensor
    tokenizer: Tokenizer
    folder: Path
    notes: tuple[str, ...] = ()

    def held_out_from(self, share: float) -> int:
        """The first token that begins in the last `share` of the file's bytes, or else the last
        token."""
        ends = np.fromfile(self.folder / SPANS, dtype=np.int32).cumsum(dtype=np.int64)
        begins = np.concatenate(([0], ends[:-1]))
        cut = held_out_from(int(ends[-1]), share)
        return min(int(np.searchsorted(begins, cut)), len(begins) - 1)

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
    content, of_tokenizer = _read_tokenizer(tokenizer_path)
    tokenizer, notes = _tokenizer(tokenizer_path, content)
    digest = hashlib.blake2b(digest_size=8)
    for block in read_blocks(path):
        digest.update(block)
    of_text = digest.hexdigest()
    name = hashlib.blake2b(f"{FORMAT}/{of_tokenizer}/{of_text}".encode(), digest_size=8).hexdigest()
    vocab_size = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0) + 1
    folder = _cache() / name
    try:
        if not _is_whole(folder):
            _encode_file(path, of_text, tokenizer, vocab_size, folder)
        ids = FileIds(folder / IDS, np.int32, "the cache of tokens")
        lengths = np.fromfile(folder / LENGTHS, dtype=np.float32)
    except OSError as failure:
        raise SpecError(
            f"the tokens of {path} cannot be kept in {folder.parent}: {failure.strerror}; set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from None
    if len(ids) == 0:
        raise SpecError(f"text file {path} has no tokens for {tokenizer_path}; give another text")
    notes += tuple(_lost(path, tokenizer_path, tokenizer))
    return Tokens(
        ids, of_text, of_tokenizer, vocab_size, torch.from_numpy(lengths), tokenizer, folder, notes
    )


def _lost(path: Path, tokenizer_path: Path, tokenizer: Tokenizer) -> Iterator[str]:
    """Sentences on what the tokens lose of the text, which no model is asked to predict."""
    text = next(read_text(path), "")[:SAMPLE]
    encoding = tokenizer.encode(text, add_special_tokens=False)
    covered = np.zeros(len(text) + 1, dtype=np.int64)
    for begin, end in encoding.offsets:
        covered[begin] += 1
        covered[end] -= 1
    of_none = covered.cumsum()[: len(text)] == 0
    lost = sum(not text[place].isspace() for place in np.flatnonzero(of_none))
    of = f"of the first {len(text):,} characters of {path}"
    free = "bits_per_byte counts them as known, so compare it with the same tokenizer's only"
    if lost:
        yield f"{tokenizer_path} has no token for {lost:,} {of}: {free}"
    unknown = getattr(tokenizer.model, "unk_token", None)
    count = encoding.tokens.count(unknown) if unknown is not None else 0
    if count:
        yield f"{tokenizer_path} makes {count:,} tokens {unknown} {of}: {free}"


def _read_tokenizer(path: Path) -> tuple[bytes, str]:
    """A tokenizer's file, and its fingerprint."""
    try:
        content = read_regular(path)
    except (FileNotFoundError, IsADirectoryError, NotRegularError):
        raise SpecError(
            f"there is no tokenizer file {path}; set `tokenizer` of task 'text' to a tokenizer.json"
        ) from None
    except OSError as failure:
        raise SpecError(
            f"tokenizer file {path} cannot be read: {failure.strerror}; check its permissions"
        ) from None
    return content, hashlib.blake2b(content, digest_size=8).hexdigest()


def _tokenizer(path: Path, content: bytes) -> tuple[Tokenizer, tuple[str, ...]]:
    """The tokenizer without settings that belong to other uses, and a note on each of these."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SpecError(
            "unit token needs the tokenizers library; install it: pip install 'seqzoo[tokenizers]'"
        ) from None
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except Exception as failure:  # the library raises no narrower kind
        raise SpecError(
            f"{path} is not a tokenizer of the tokenizers library: {failure}; give a tokenizer.json"
        ) from None
    saved = []
    if tokenizer.truncation is not None:
        saved.append(f"truncation to {tokenizer.truncation['max_length']:,} tokens")
        tokenizer.no_truncation()
    if tokenizer.padding is not None:
        saved.append("padding")
        tokenizer.no_padding()
    model: Any = tokenizer.model
    if getattr(model, "dropout", None):
        saved.append(f"merge dropout of {model.dropout:g}")
        model.dropout = None
    return tokenizer, tuple(f"switched off {what}, which {path} has saved" for what in saved)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "seqzoo" / "tokens"


def _is_whole(folder: Path) -> bool:
    """Whether the cache holds these tokens just as they were written."""
    try:
        return json.loads((folder / SEAL).read_bytes()) == _seal(folder)
    except (OSError, ValueError):
        return False


def _seal(folder: Path) -> dict[str, str]:
    """The fingerprint of each file."""
    seal = {}
    for name in (IDS, SPANS, LENGTHS):
        digest = hashlib.blake2b(digest_size=8)
        with open_regular(folder / name) as file:
            while block := file.read(BLOCK):
                digest.update(block)
        seal[name] = digest.hexdigest()
    return seal


def _encode_file(
    path: Path, fingerprint: str, tokenizer: Tokenizer, vocab_size: int, folder: Path
) -> None:
    """Write ids, the bytes each spans, and their mean by id; either all files appear or none."""
    spanned, counts = np.zeros(vocab_size), np.zeros(vocab_size, dtype=np.int64)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}-{os.getpid()}-{secrets.token_hex(4)}")
    draft.mkdir()  # others may read it, as the umask says
    try:
        with (draft / IDS).open("wb") as ids_file, (draft / SPANS).open("wb") as spans_file:
            for ids, spans in _with_spans(path, fingerprint, tokenizer):
                ids.tofile(ids_file)
                spans.tofile(spans_file)
                counts += np.bincount(ids, minlength=vocab_size)
                spanned += np.bincount(ids, weights=spans, minlength=vocab_size)
        (spanned / np.maximum(counts, 1)).astype(np.float32).tofile(draft / LENGTHS)
        (draft / SEAL).write_text(json.dumps(_seal(draft)), encoding="ascii")
        if not _is_whole(folder):  # another process may have been faster
            shutil.rmtree(folder, ignore_errors=True)
            try:
                draft.rename(folder)
            except OSError:
                if not _is_whole(folder):
                    raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _with_spans(
    path: Path, fingerprint: str, tokenizer: Tokenizer
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Token ids, and the bytes from where each begins to where the next does.

    The first token starts at byte 0, whatever the tokenizer dropped before it.
    """
    digest, size = hashlib.blake2b(digest_size=8), 0

    def blocks() -> Iterator[str]:
        nonlocal size
        for text in read_text(path, digest):
            size += len(text.encode())
            yield text

    def encode(text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    last_id, last_begin = np.empty(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    for new_ids, new_begins in tokenized(blocks(), encode):
        ids, begins = np.append(last_id, new_ids), np.append(last_begin, new_begins)
        if len(last_id) == 0:
            begins[:1] = 0
        begins = np.maximum.accumulate(begins)
        yield ids[:-1], np.diff(begins).astype(np.int32)
        last_id, last_begin = ids[-1:], begins[-1:]
    yield last_id, (size - last_begin).astype(np.int32)
    if digest.hexdigest() != fingerprint:
        raise changed_meanwhile(path)
