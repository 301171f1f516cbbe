"""The codec of a model with a tokenizer for what it reads and one for what it writes, by `tokenizers` alone.

`export.sentencepiece_vocabulary` writes both files from a Marian's SentencePiece models. Ids are those of the one
vocabulary; pieces of a tokenizer that the vocabulary lacks stand behind it, and are read as the unknown token.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.text.normalisation import replace_surrogates

SOURCE_FILE, TARGET_FILE = "tokenizer.json", "target_tokenizer.json"
ABSENT = "\ue000"  # Marks what no text matches: private, and in no vocabulary.
SPACE = "\u2581"  # How SentencePiece writes a space.
CODE_BEGINS, CODE_ENDS = ">>", "<<"  # Around the language that a text is to be translated into.


class PairedCodec:
    """A `Codec` of two tokenizers. Safe to share between threads.

    Parameters
    ----------
    folder : Path
        With `tokenizer.json` and `target_tokenizer.json`.
    settings : mapping
        n_tokens: the size of the vocabulary; unknown_id; special_ids: what is left out of a text.

    Raises
    ------
    BundleError
        If a file is missing or broken.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        try:
            self._source, self._target = (
                Tokenizer.from_file(str(folder / name)) for name in (SOURCE_FILE, TARGET_FILE)
            )
        except Exception as error:  # `tokenizers` raises bare Exception.
            raise BundleError(
                f"{folder} holds no pair of tokenizers ({error}). Take the folder from its source again."
            ) from None
        self._size, self._unknown = settings["n_tokens"], settings["unknown_id"]
        self._special = frozenset(settings["special_ids"])
        pieces = self._source.get_vocab(), self._target.get_vocab()
        self._ids = {
            piece.removeprefix(ABSENT): number
            for part in pieces
            for piece, number in part.items()
            if number < self._size
        }
        self._pieces = {number: piece for piece, number in self._ids.items()}

    def encode(self, text: str) -> list[int]:
        """Give the ids of what a person wrote; a language in >>marks<< before it is one token."""
        return self._encode(self._source, text)

    def encode_marks(self, text: str) -> list[int]:
        """Give the ids of a template's own text."""
        return self.encode(text) if text else []

    def encode_target(self, text: str) -> list[int]:
        """Give the ids of a text to be written."""
        return self._encode(self._target, text)

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, without special tokens."""
        pieces = [self._pieces.get(number, "") for number in ids if number not in self._special]
        return "".join(pieces).replace(SPACE, " ").strip()

    def _encode(self, tokenizer: Tokenizer, text: str) -> list[int]:
        text = replace_surrogates(text)
        found = []
        end = text.find(CODE_ENDS)
        if text.startswith(CODE_BEGINS) and end != -1:
            found = [self._ids.get(text[: end + len(CODE_ENDS)], self._unknown)]
            text = text[end + len(CODE_ENDS) :]
        read = tokenizer.encode(text, add_special_tokens=False)
        for number, piece in zip(read.ids, read.tokens, strict=True):
            # What one model does not know may be in the vocabulary for the other's sake.
            known = self._ids.get(piece, self._unknown) if number == self._unknown else number
            found.append(known if known < self._size else self._unknown)
        return found
