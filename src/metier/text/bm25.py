"""BM25: scores of the texts of a collection for a query (Robertson and Zaragoza, 2009).

An inverted index keeps, for each word, the texts with the word and its precomputed weight in each. A query then
touches only texts that share a word with it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.text.segmentation import segment

VOCABULARY_FILE = "bm25.json"
POSTINGS_FILE = "bm25.safetensors"


class Bm25:
    """An inverted index of a collection of texts, English and Chinese. Safe to share between threads.

    Parameters
    ----------
    k1 : float, default=1.2
        Term frequency saturation; 0 counts a word once.
    b : float, default=0.75
        Length normalisation, 0 to 1.

    References
    ----------
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. The weight of a word is
    the one that is never negative: log(1 + (n - df + .5) / (df + .5)).
    """

    def __init__(self, *, k1: float = 1.2, b: float = 0.75):
        self.k1 = k1
        self.b = b

    def fit(self, texts: Iterable[str]) -> Self:
        """Index a collection; a second call replaces the first."""
        return self.fit_words([segment(text) for text in texts])

    def fit_words(self, texts: Sequence[Sequence[str]]) -> Self:
        """Index a collection of texts that are already segmented."""
        lengths = np.fromiter(map(len, texts), dtype=np.float64, count=len(texts))
        mean = lengths.mean() if len(texts) and lengths.any() else 1.0
        length_norm = self.k1 * (1 - self.b + self.b * lengths / mean)
        found: dict[str, tuple[list[int], list[int]]] = {}
        for number, words in enumerate(texts):
            for word, count in Counter(words).items():
                where, counts = found.setdefault(word, ([], []))
                where.append(number)
                counts.append(count)
        self._columns = {word: column for column, word in enumerate(found)}
        lists = list(found.values())
        sizes = np.fromiter((len(where) for where, _ in lists), dtype=np.int64, count=len(lists))
        self._ends = np.concatenate([[0], sizes.cumsum()])
        self._texts = np.array([number for where, _ in lists for number in where], dtype=np.int32)
        times = np.array([n for _, counts in lists for n in counts], dtype=np.float64)
        rare = np.log1p((len(texts) - sizes + 0.5) / (sizes + 0.5))
        worth = np.repeat(rare, sizes) * times * (self.k1 + 1) / (times + length_norm[self._texts])
        self._worth = worth.astype(np.float32)
        self.n_texts = len(texts)
        return self

    def scores(self, query: str) -> np.ndarray:
        """Give the score of each text, an ndarray of float64 of shape (n_texts,); 0: no word in common."""
        return self.scores_of_words(segment(query))

    def scores_of_words(self, words: Iterable[str]) -> np.ndarray:
        """Give the score of each text for segmented words; a repeated word counts repeatedly."""
        scores = np.zeros(self.n_texts)
        for word, times in Counter(words).items():
            column = self._columns.get(word)
            if column is not None:
                some = slice(self._ends[column], self._ends[column + 1])
                scores[self._texts[some]] += times * self._worth[some]
        return scores

    def best(self, query: str, most: int) -> np.ndarray:
        """Give the positions of the texts that score highest, the best first; ties keep the order of texts.

        Returns
        -------
        ndarray of int64 of shape (n,)
            At most `most`; texts that share no word with the query come last.
        """
        return (-self.scores(query)).argsort(kind="stable")[:most]

    def save(self, folder: Path) -> None:
        """Write the words and their weights to a folder, without the texts."""
        facts = {"k1": self.k1, "b": self.b, "n_texts": self.n_texts, "words": list(self._columns)}
        (folder / VOCABULARY_FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        arrays = {"ends": self._ends, "texts": self._texts, "worth": self._worth}
        save_file(arrays, folder / POSTINGS_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        facts = json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
        arrays = load_file(folder / POSTINGS_FILE)
        loaded = cls(k1=facts["k1"], b=facts["b"])
        loaded.n_texts = facts["n_texts"]
        loaded._columns = {word: column for column, word in enumerate(facts["words"])}
        loaded._ends, loaded._texts, loaded._worth = arrays["ends"], arrays["texts"], arrays["worth"]
        return loaded
