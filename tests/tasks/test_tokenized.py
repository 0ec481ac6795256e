"""Pieces of a text give the tokens of the whole text, whatever a tokenizer looks at."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from seqzoo.tasks import tokenized
from seqzoo.tasks.tokenized import tokenized as tokens_of

ALPHABET = ["a", "b", "ab ", " ", "  ", "\n", "\n\n", "é", "e\u0301", "\u0301", "ﬁ", "ß", "Σ", "😀"]


def drawn(seed: int, count: int) -> str:
    return "".join(random.Random(seed).choices(ALPHABET, k=count))


def bpe(normalizer: Any = None, pre_tokenizer: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="[U]"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=120, show_progress=False, special_tokens=["[U]"])
    tokenizer.train_from_iterator([drawn(7, 3000)], trainer)
    return tokenizer


def unigram() -> Tokenizer:
    pieces = ["\u2581", "a", "b", "ab", "\u2581a", "\u2581ab", "ba", "\n", "e", "é", "aa", "aab"]
    tokenizer = Tokenizer(
        models.Unigram([("<u>", -20.0), *((p, -2.0 - n) for n, p in enumerate(pieces))], 0, True)
        if False
        else models.Unigram([("<u>", -20.0), *((p, -2.0 - n) for n, p in enumerate(pieces))], 0)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def with_special_tokens() -> Tokenizer:
    tokenizer = bpe(None, pre_tokenizers.ByteLevel(add_prefix_space=True))
    tokenizer.add_special_tokens([AddedToken("ab ", lstrip=True, rstrip=True)])
    return tokenizer


TOKENIZERS = {
    "no normaliser, no words": lambda: bpe(),
    "strip": lambda: bpe(normalizers.Strip(), pre_tokenizers.Whitespace()),
    "strip without words": lambda: bpe(normalizers.Strip()),
    "nfkc": lambda: bpe(normalizers.NFKC()),
    "nfd, lower case": lambda: bpe(
        normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])
    ),
    "prepend": lambda: bpe(normalizers.Prepend("a")),
    "metaspace always": lambda: bpe(None, pre_tokenizers.Metaspace(prepend_scheme="always")),
    "prefix space": lambda: bpe(None, pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "replace": lambda: bpe(normalizers.Replace(Regex(r"\s+"), " ")),
    "unigram": unigram,
    "special tokens that strip": with_special_tokens,
}


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize(("piece", "overlap"), [(50, 30), (400, 120)])
def test_pieces_give_the_tokens_of_the_whole_text(
    kind: str, piece: int, overlap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenized, "PIECE", piece)
    monkeypatch.setattr(tokenized, "OVERLAP", overlap)
    tokenizer, calls = TOKENIZERS[kind](), 0

    def encode(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        nonlocal calls
        calls += 1
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    for seed in range(3):
        # Nothing but spaces around a piece's end, and a run that is merged from its start.
        text = drawn(seed, 900) + " " * 130 + drawn(seed + 10, 300) + "a" * 231 + drawn(seed, 400)
        known = tokenizer.encode(text, add_special_tokens=False)
        blocks = [text[start : start + 61] for start in range(0, len(text), 61)]
        pieces = list(tokens_of(iter(blocks), encode))
        assert np.concatenate([ids for ids, _ in pieces]).tolist() == known.ids
        begins = np.concatenate([begins for _, begins in pieces]).tolist()
        assert begins == [len(text[:begin].encode()) for begin, _ in known.offsets]
    assert calls > 3, "the text came in pieces"


def test_texts_of_no_token_and_of_one_piece() -> None:
    def nothing(text: str) -> tuple[list[int], list[tuple[int, int]]]:
        return [], []

    def blocks() -> Iterator[str]:
        yield "abc"
        yield "de"

    assert [ids.tolist() for ids, _ in tokens_of(blocks(), nothing)] == [[]]
    assert list(tokens_of(iter([]), nothing)) == []
    ((ids, begins),) = tokens_of(blocks(), lambda text: ([7, 8], [(0, 2), (2, 5)]))
    assert (ids.tolist(), begins.tolist()) == ([7, 8], [0, 2])
