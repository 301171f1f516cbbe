"""Gazetteer: match phrases with known labels in texts, the longest first, ignoring case."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from metier.errors import SettingsError, UnreadableFileError
from metier.text.normalisation import replace_surrogates
from metier.text.tokens import token_offsets

COLUMNS = ("phrase", "label")


class Match(NamedTuple):
    """A match: first token, token after the last, phrase and label."""

    first: int
    stop: int
    phrase: str
    label: str


class Gazetteer:
    """Phrases and the label of each.

    Parameters
    ----------
    labels : mapping of str to str
        From phrases, in the form of `phrase_key`, to labels.
    """

    def __init__(self, labels: Mapping[str, str]):
        self.labels = dict(labels)
        self._trie: dict[str, Any] = {}
        for phrase in labels:
            node = self._trie
            for word in phrase.split(" "):
                node = node.setdefault(word, {})
            node[""] = phrase  # No token is empty, so "" marks the end of a phrase.

    def __len__(self) -> int:
        return len(self.labels)

    def matches(self, words: Sequence[str], *, left_out: frozenset[str] = frozenset()) -> list[Match]:
        """Find phrases in lower-case words: from the left, the longest, without overlap.

        Parameters
        ----------
        words : sequence of str
        left_out : frozenset of str
            Phrases to ignore.
        """
        found, position = [], 0
        while position < len(words):
            match = self._longest(words, position, left_out)
            if match is not None:
                found.append(match)
            position = position + 1 if match is None else match.stop
        return found

    def _longest(self, words: Sequence[str], first: int, left_out: frozenset[str]) -> Match | None:
        node, longest = self._trie, None
        for stop in range(first, len(words)):
            node = node.get(words[stop])  # type: ignore[assignment]
            if node is None:
                break
            phrase = node.get("")
            if phrase is not None and phrase not in left_out:
                longest = Match(first, stop + 1, phrase, self.labels[phrase])
        return longest

    def save(self, path: Path) -> None:
        """Write the phrases as JSON."""
        path.write_text(json.dumps(self.labels, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def read(cls, path: str | Path, *, labels: Iterable[str]) -> Self:
        """Read a table with the columns `phrase` and `label`, comma-separated in UTF-8.

        Raises
        ------
        UnreadableFileError
            If it cannot be read or has other columns.
        SettingsError
            If a label is not in `labels`.
        """
        try:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                table = csv.DictReader(file)
                rows = list(table) if set(COLUMNS) <= set(table.fieldnames or ()) else None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UnreadableFileError(
                f"The gazetteer {path} cannot be read ({error}). Expected a CSV file in UTF-8 with the columns "
                "phrase and label."
            ) from None
        if rows is None:
            raise UnreadableFileError(
                f"The gazetteer {path} lacks the columns phrase and label. Name them in its first line."
            )
        unknown = sorted({row["label"] for row in rows} - set(labels))
        if unknown:
            raise SettingsError(
                [f"the gazetteer {path} has the label {label!r}, which no row has" for label in unknown]
            )
        return cls({phrase_key(row["phrase"]): row["label"] for row in rows if phrase_key(row["phrase"])})


def phrase_key(text: str) -> str:
    """Give the key of a phrase: its tokens in lower case, joined with spaces."""
    text = replace_surrogates(text)
    return " ".join(text[start:end].lower() for start, end in token_offsets(text))


def most_frequent_label(labels: Counter[str]) -> str:
    """Give the most frequent label; ties are resolved alphabetically."""
    return min(labels, key=lambda label: (-labels[label], label))
