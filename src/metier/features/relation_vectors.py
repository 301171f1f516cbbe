"""Texts with two marked entities as sparse vectors: the one implementation that training and answering share."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from metier.features.relation_features import relation_features
from metier.features.relation_syntax import syntax_features
from metier.features.tfidf import sparse_products
from metier.tasks.inputs.marked_text import as_entity_pairs
from metier.text.parsing import ENGLISH, parser_version

VOCABULARY_FILE = "vocabulary.json"


class RelationVectors:
    """Turns marked texts into sparse TF-IDF vectors of length 1 over a fixed vocabulary. Safe to share between threads.

    Parameters
    ----------
    vocabulary : sequence of str
        The known features, in the order of their columns.
    idf : ndarray of float64 of shape (n_features,)
        Inverse document frequency of each.
    syntax : bool
        Whether texts are parsed, which needs spaCy wherever this answers.
    """

    weight_type: ClassVar[type[np.floating[Any]]] = np.float32

    def __init__(self, vocabulary: Sequence[str], idf: np.ndarray, *, syntax: bool = False):
        self.vocabulary = vocabulary
        self.idf = np.ascontiguousarray(idf, dtype=np.float64)
        self.syntax = syntax
        self._columns = {feature: column for column, feature in enumerate(vocabulary)}

    @property
    def n_columns(self) -> int:
        """How many features are known."""
        return len(self.idf)

    def vector(self, features: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the columns that are not zero, in ascending order, and their values."""
        get = self._columns.get
        counts = Counter(column for feature in features if (column := get(feature)) is not None)
        columns = np.array(sorted(counts), dtype=np.int64)
        values = np.array([counts[column] for column in columns.tolist()], dtype=np.float64)
        values = (1 + np.log(values)) * self.idf[columns]
        return columns, values / (np.sqrt(values @ values) or 1.0)

    def read(self, items: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """Check items; raises `EntityError` if an entity is not where its offsets say."""
        return as_entity_pairs(items) if len(items) else []

    def products(self, items: Sequence[Mapping[str, Any]], weights: np.ndarray) -> np.ndarray:
        """Give the vectors of items times weights, an ndarray of float64 of shape (n_items, n_logits)."""
        return sparse_products(map(self.vector, self.features(items)), len(items), weights)

    def features(self, items: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
        """Give the features of items, one after the other."""
        return read_features(items, syntax=self.syntax)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept beside the weights."""
        return {"idf": self.idf}

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the vocabulary to a folder; gives what `predictor.json` is to keep."""
        written = json.dumps(list(self.vocabulary), ensure_ascii=False)
        (folder / VOCABULARY_FILE).write_text(written, encoding="utf-8")
        # What must be installed wherever this answers, besides the light core.
        return {"syntax": self.syntax, "needs": {ENGLISH: parser_version()} if self.syntax else {}}

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `save` wrote."""
        vocabulary = json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
        return cls(vocabulary, arrays["idf"], syntax=settings["syntax"])


def read_features(items: Sequence[Mapping[str, Any]], *, syntax: bool) -> Iterator[list[str]]:
    """Give the features of items, those of their parse included where asked."""
    if not syntax:
        return map(relation_features, items)
    both = zip(map(relation_features, items), syntax_features(items), strict=True)
    return (words + path for words, path in both)
