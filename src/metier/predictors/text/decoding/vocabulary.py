"""The bytes that each token of a tokenizer writes, as a tree of prefixes."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

IMPOSSIBLE = 10**6  # More tokens than any answer has.


class Branch:
    """Tokens that begin alike: those that end here, and what comes next.

    Attributes
    ----------
    ids : list of int
    next : dict of int to Branch
        By the next byte.
    """

    __slots__ = ("ids", "next")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.next: dict[int, Branch] = {}

    def all_ids(self) -> Iterator[int]:
        """Give the tokens here and beyond."""
        yield from self.ids
        for branch in self.next.values():
            yield from branch.all_ids()


class Vocabulary:
    """What a tokenizer's tokens write. Safe to share between threads once it is made.

    Parameters
    ----------
    written : mapping of int to bytes
        Special tokens left out.
    """

    def __init__(self, written: Mapping[int, bytes]):
        self.written = dict(written)
        self._costs: dict[bytes, int] = {}

    @classmethod
    def of_file(cls, text: str) -> "Vocabulary":
        """Read it from the text of a `tokenizer.json`.

        Parameters
        ----------
        text : str
            Of a tokenizer over bytes (GPT-2 and its kin) or over characters with marked spaces (SentencePiece).
        """
        settings = json.loads(text)
        special = {token["id"] for token in settings.get("added_tokens", ()) if token.get("special")}
        model = settings["model"]
        tokens = model["vocab"]
        pairs = tokens.items() if isinstance(tokens, dict) else ((one[0], at) for at, one in enumerate(tokens))
        of_token = _of_bytes if _has(settings, "ByteLevel") else _of_characters
        return cls({at: of_token(token) for token, at in pairs if at not in special})

    @cached_property
    def root(self) -> Branch:
        """The tree of all tokens."""
        root = Branch()
        for at, written in self.written.items():
            branch = root
            for byte in written:
                branch = branch.next.setdefault(byte, Branch())
            if written:
                branch.ids.append(at)
        return root

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest token."""
        return max(map(len, self.written.values()), default=0)

    def cost(self, text: bytes) -> int:
        """Give the fewest tokens that write exactly this; `IMPOSSIBLE` where none do."""
        if text in self._costs:
            return self._costs[text]
        fewest = [0] + [IMPOSSIBLE] * len(text)
        for begin in range(len(text)):
            if fewest[begin] == IMPOSSIBLE:
                continue
            branch: Branch | None = self.root
            for end in range(begin, len(text)):
                branch = branch.next.get(text[end]) if branch else None
                if branch is None:
                    break
                if branch.ids:
                    fewest[end + 1] = min(fewest[end + 1], fewest[begin] + 1)
        self._costs[text] = fewest[-1]
        return fewest[-1]


def _has(settings: Mapping[str, Any], kind: str) -> bool:
    """Whether a tokenizer decodes in this way, alone or as one of several steps."""
    decoder = settings.get("decoder") or {}
    return any(one.get("type") == kind for one in (decoder, *decoder.get("decoders", ())))


def _bytes_by_character() -> dict[str, int]:
    """GPT-2's table: bytes that print stand for themselves, the others for characters from 256 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES = _bytes_by_character()


def _of_bytes(token: str) -> bytes:
    return bytes(_BYTES[character] for character in token) if all(one in _BYTES for one in token) else b""


def _of_characters(token: str) -> bytes:
    if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
        return bytes([int(token[3:5], 16)])
    return token.replace("\u2581", " ").encode("utf-8")
