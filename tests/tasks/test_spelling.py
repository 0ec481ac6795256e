"""Text piece by piece is the text of all tokens at once."""

import random
from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from seqzoo.tasks.spelling import CONTEXT, Spelling


def of_bytes(ids: list[int]) -> str:
    return bytes(ids).decode(errors="replace")


def pieces(tokens: list[int], prompt: list[int], decode=of_bytes) -> list[str]:
    spelling = Spelling(decode, prompt)
    found = [spelling(token) for token in tokens]
    found.append(spelling.rest())
    assert spelling.pieces == found
    return found


def test_bytes_that_are_no_text_do_not_swallow_what_follows() -> None:
    tokens = [0x80, 0x80, 0x80, *"€uro".encode()]
    assert "".join(pieces(tokens, [])) == "\ufffd\ufffd\ufffd€uro"
    # A character comes whole, and at once when it is; what can be no more is not held back.
    assert pieces([*"a€b".encode()], []) == ["a", "", "", "€", "b", ""]
    assert pieces([0x80, 0x80, 0x41], []) == ["", "", "\ufffd\ufffdA", ""]
    assert pieces([0x80] * 5, []) == ["", "", "", "\ufffd", "\ufffd", "\ufffd" * 3]
    assert pieces([0xE2, 0x82], []) == ["", "", "\ufffd"]


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_come_as_they_are_decoded_together(seed: int) -> None:
    draw = random.Random(seed)
    tokens = [
        byte
        for _ in range(60)
        for byte in draw.choice(
            [b"\x80", b"\xe2", b"\xf0\x9f", b"\xff", b"a", "€".encode(), "😀".encode()]
        )
    ]
    prompt = list("prompt é".encode())
    assert "".join(pieces(tokens, prompt)) == of_bytes(prompt + tokens)[len(of_bytes(prompt)) :]


def test_little_is_decoded_again_however_long_the_garbage() -> None:
    longest = 0

    def decode(ids: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(ids))
        return of_bytes(list(ids))

    spelling = Spelling(decode, [])
    written = "".join(spelling(0x80) for _ in range(1000)) + spelling.rest()
    assert written == "\ufffd" * 1000
    assert longest <= CONTEXT + 8


def test_tokens_of_several_bytes_and_spaces_at_the_start() -> None:
    # A byte-level vocabulary in which "€" is cut across two tokens.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    byte_of = {mark: bytes([value]) for value, mark in byte_marks().items()}
    vocabulary = {mark: number for number, mark in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    draw = random.Random(0)
    text = "a €uro 😀 ".encode() + bytes(draw.choices(range(128, 256), k=40)) + "é end".encode()
    marks = byte_marks()
    tokens = [vocabulary[marks[byte]] for byte in text]
    assert b"".join(byte_of[alphabet[token]] for token in tokens) == text

    def decode(ids: list[int]) -> str:
        return tokenizer.decode(list(ids), skip_special_tokens=False)

    assert "".join(pieces(tokens, [], decode)) == decode(tokens)


@pytest.mark.parametrize("seed", range(10))
def test_tokenizers_that_fall_back_to_bytes(seed: int) -> None:
    # Their decoder takes a run of bytes as a whole: one that is no text spoils all of the run.
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"\u2581": 256, "\u2581a": 257}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    parts = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(parts)

    def decode(ids: Sequence[int]) -> str:
        return tokenizer.decode(list(ids), skip_special_tokens=False)

    draw = random.Random(seed)
    characters = draw.choices(["€", "😀", "é", " ", " a"], k=80)
    words = {" ": [256], " a": [257]}
    tokens = [t for c in characters for t in words.get(c, list(c.encode()))]
    assert "".join(pieces(tokens, [], decode)) == "".join(characters) == decode(tokens)
    # Bytes that are no text do not take back what was written before them.
    assert "".join(pieces([*"€".encode(), 0x80, 257], [], decode)) == "€\ufffd a"


def byte_marks() -> dict[int, str]:
    """GPT-2's letters for bytes."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {
        byte: chr(256 + place) for place, byte in enumerate(others)
    }
