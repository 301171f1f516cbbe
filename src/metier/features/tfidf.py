"""TF-IDF vectors of the n-grams of texts, shared by training and prediction.

Words and word pairs describe the topic; character n-grams are robust to spelling mistakes, inflections and wrong
word boundaries. One rule serves English, Chinese and mixed text: a run of Han characters gives its 1- to 3-grams,
and everything else is split at spaces and gives 2- to 5-grams of each piece with a space on either side
(scikit-learn's `char_wb`), so that "card" at the end of a word differs from "card" inside one.

A vector has two blocks, word n-grams and character n-grams, each scaled to length 1, as in a union of two
scikit-learn `TfidfVectorizer(sublinear_tf=True)`. It is fast because only the few hundred non-zero values of a text
are built, and the n-grams of a piece ("card") are cached.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.text.given_texts import as_texts
from metier.text.normalisation import level
from metier.text.segmentation import HAN, has_han, segment

VOCABULARY_FILE = "vocabulary.json"
IDF_FILE = "idf.safetensors"
# This many cached pieces cover most texts of a service, in some 20 MB.
MOST_REMEMBERED = 50_000
NOTHING: Mapping[str, Any] = MappingProxyType({})
LONGEST_REMEMBERED = 40  # In characters; a longer piece is a link or a paste and does not recur.
SHORTEST_LATIN, LONGEST_LATIN = 2, 5
LONGEST_HAN = 3  # Longer Han n-grams are words, which the segmentation gives.
_mixed_pieces = re.compile(f"[{HAN}]+|[^\\s{HAN}]+").findall


class SparseRows(NamedTuple):
    """Rows of which few values are not zero, in the three arrays of compressed sparse rows (CSR), and their shape."""

    values: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    shape: tuple[int, int]


class TfidfVectors:
    """Turns texts into sparse TF-IDF vectors over a fixed vocabulary. Safe to share between threads.

    Parameters
    ----------
    words, characters : sequence of str
        The vocabulary of each block. Columns are first words, then characters.
    idf : ndarray of shape (n_words + n_characters,)
        Inverse document frequency of each column.
    """

    weight_type: ClassVar[type[np.floating[Any]]] = np.float32

    def __init__(self, words: Sequence[str], characters: Sequence[str], idf: np.ndarray):
        self.words = words
        self.characters = characters
        self.idf = np.ascontiguousarray(idf, dtype=np.float64)
        self._word_columns = {ngram: column for column, ngram in enumerate(words)}
        self._character_columns = {ngram: column for column, ngram in enumerate(characters, start=len(words))}
        self._remembered: dict[str, np.ndarray] = {}

    @property
    def n_columns(self) -> int:
        """Size of the vocabulary."""
        return len(self.idf)

    def vector(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Give the columns of a text that are not zero, and their values.

        Returns
        -------
        columns : ndarray of int64 of shape (n_known_ngrams,)
            In ascending order.
        values : ndarray of float64 of shape (n_known_ngrams,)
        """
        normalised = level(text)
        get = self._word_columns.get
        words = [column for ngram in word_ngrams(normalised) if (column := get(ngram)) is not None]
        found = [np.array(words, dtype=np.int64)]
        for piece in pieces(normalised):
            remembered = self._remembered.get(piece)
            found.append(self._look_up(piece) if remembered is None else remembered)
        # With few values per text, the overhead of numpy calls dominates.
        columns, repeats = _count(np.concatenate(found))
        values = np.log(repeats)
        # Sublinear counts: a word used ten times is not ten times the evidence.
        values += 1
        values *= self.idf[columns]
        n_words = columns.searchsorted(len(self.words))
        _scale_to_length_one(values[:n_words])
        _scale_to_length_one(values[n_words:])
        return columns, values

    def read(self, texts: Sequence[str]) -> Sequence[str]:
        """Give the texts as they are, any text can be answered; of what has an image too, its text."""
        return texts if not len(texts) or isinstance(texts[0], str) else as_texts(texts)

    def products(self, texts: Sequence[str], weights: np.ndarray) -> np.ndarray:
        """Give the vectors of texts times weights, an ndarray of float64 of shape (n_texts, n_logits)."""
        return sparse_products(map(self.vector, texts), len(texts), weights)

    def rows(self, texts: Sequence[str]) -> SparseRows:
        """Give the vectors of texts together."""
        found = [self.vector(text) for text in texts]
        starts = np.cumsum([0, *(len(columns) for columns, _ in found)])
        columns = np.concatenate([np.empty(0, dtype=np.int64), *(columns for columns, _ in found)])
        values = np.concatenate([np.empty(0), *(values for _, values in found)])
        return SparseRows(values, columns, starts, (len(texts), self.n_columns))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept beside the weights: nothing, the frequencies have a file of their own."""
        return {}

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the vocabulary and its document frequencies to a folder; `predictor.json` need keep nothing."""
        text = json.dumps({"words": list(self.words), "characters": list(self.characters)}, ensure_ascii=False)
        (folder / VOCABULARY_FILE).write_text(text, encoding="utf-8")
        save_file({"idf": self.idf}, folder / IDF_FILE)
        return {}

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: Mapping[str, Any] = NOTHING,
        arrays: Mapping[str, np.ndarray] = NOTHING,
    ) -> Self:
        """Read what `save` wrote."""
        vocabulary = json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
        return cls(vocabulary["words"], vocabulary["characters"], load_file(folder / IDF_FILE)["idf"])

    def _look_up(self, piece: str) -> np.ndarray:
        get = self._character_columns.get
        known = [column for ngram in character_ngrams(piece) if (column := get(ngram)) is not None]
        columns = np.array(known, dtype=np.int64)
        if len(piece) <= LONGEST_REMEMBERED:
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered = {}  # Another thread may still read the old one, which is harmless.
            self._remembered[piece] = columns
        return columns


def _count(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the distinct columns, ascending, and how often each is there; sorts its argument."""
    if len(columns) == 0:
        return columns, columns
    columns.sort()
    is_last = np.empty(len(columns), dtype=bool)
    is_last[-1] = True
    np.not_equal(columns[1:], columns[:-1], out=is_last[:-1])
    ends = is_last.nonzero()[0]
    repeats = ends.copy()
    repeats[1:] -= ends[:-1]
    repeats[0] += 1
    return columns[ends], repeats


def _scale_to_length_one(values: np.ndarray) -> None:
    length = np.sqrt(values @ values)
    if length > 0:
        values /= length


def word_ngrams(normalised: str) -> list[str]:
    """Give the words of a normalised text, then its pairs of neighbouring words joined by a space."""
    words = segment(normalised)
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def pieces(normalised: str) -> list[str]:
    """Split a normalised text into pieces for character n-grams: Han runs, and the rest at spaces."""
    return _mixed_pieces(normalised) if has_han(normalised) else normalised.split()


def character_ngrams(piece: str) -> Iterator[str]:
    """Give the character n-grams of one piece, as an iterator: a pasted file has millions.

    A shorter piece is given once, whole, without the longer lengths.
    """
    if has_han(piece):
        lengths = range(1, LONGEST_HAN + 1)
    else:
        piece = f" {piece} "
        lengths = range(SHORTEST_LATIN, min(LONGEST_LATIN, max(len(piece), SHORTEST_LATIN)) + 1)
    return (piece[start : start + length] for length in lengths for start in range(len(piece) - length + 1))


def sparse_products(
    vectors: Iterable[tuple[np.ndarray, np.ndarray]], n_rows: int, weights: np.ndarray
) -> np.ndarray:
    """Give vectors times weights, an ndarray of float64 of shape (n_rows, n_logits).

    Parameters
    ----------
    vectors : iterable of (columns, values)
        One a row: the columns that are not zero, and their values in float64.
    n_rows : int
    weights : ndarray of float32 of shape (n_columns, n_logits)
        One row a column of the vectors, so that a text's rows are gathered in one go.
    """
    products = np.empty((n_rows, weights.shape[1]))
    for row, (columns, values) in enumerate(vectors):
        # float64 values lift the sum to float64: a long text adds up thousands of small numbers.
        products[row] = np.dot(values, weights.take(columns, axis=0))
    return products
