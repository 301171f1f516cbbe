"""Search in a collection: `retrieve_rerank.v1`.

The folder holds the collection (`collection.json`: ids and texts), up to two ways of finding candidates (the
postings of BM25 in `words/`, an encoder in `retriever/` with the collection's vectors in `vectors.safetensors`), and
where there is one a predictor of pairs in `reranker/`, which reads the candidates again beside the query.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.predictors.evidence import embedder_among
from metier.predictors.loading import as_bundle_error, load_predictor, read_settings, write_settings
from metier.tasks.answer_batches import DIGITS, RecordAnswers
from metier.tasks.collection import Collection
from metier.tasks.inputs.pair import Pair
from metier.text.bm25 import Bm25

KIND = "retrieve_rerank.v1"
COLLECTION_FILE = "collection.json"
VECTORS_FILE = "vectors.safetensors"
WORDS_FOLDER, RETRIEVER_FOLDER, RERANKER_FOLDER = "words", "retriever", "reranker"
# How far apart the first ranks count (Cormack, Clarke and Büttcher, 2009, who found 60 good everywhere).
RANK_CONSTANT = 60
QUERIES_AT_ONCE = 256
# Scores in memory at once, 64 MB: of a million texts those of 16 queries.
MOST_SCORES = 16_000_000


@dataclass(frozen=True)
class Finders:
    """What finds candidates and what reads them again; at least one of the first two.

    Parameters
    ----------
    words : Bm25 or None
        Learned from the collection.
    retriever : predictor with `vectors`, or None
        Embeds the query.
    vectors : ndarray of float32 of shape (n_texts, size), or None
        Of the collection, of length 1.
    reranker : predictor of pairs, or None
    """

    words: Bm25 | None = None
    retriever: Any = None
    vectors: np.ndarray | None = None
    reranker: Any = None


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes.

    Parameters
    ----------
    candidates : int
        Retrieved candidates before reranking.
    top : int
        Most matches in an answer.
    match_label : str or None
        Of the reranker's labels, the one whose probability ranks the candidates.
    ways : tuple of str
        Of `words` and `vectors`, those that find candidates; two are combined by reciprocal rank fusion.
    reranks : bool
    """

    candidates: int = 50
    top: int = 5
    match_label: str | None = None
    ways: tuple[str, ...] = ("words", "vectors")
    reranks: bool = True


class RetrieveRerankPredictor:
    """Finds the texts of a collection that match a query. Safe to share between threads.

    Parameters
    ----------
    collection : Collection
    finders : Finders
    settings : SearchSettings
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, collection: Collection, finders: Finders, settings: SearchSettings, *, name: str = KIND):
        self.collection = collection
        self.finders = finders
        self.settings = settings
        self.name = name

    def predict(self, queries: Sequence[Any]) -> RecordAnswers:
        """Give the best matches of each query: a text, or a mapping with `text`.

        Returns
        -------
        RecordAnswers
            `predicted` are rankings: the ids of the `top` best matches of each query, the best first. Records hold
            `matches`, each with `id`, `text` and `score`: the reranker's probability, or else what the way of
            finding gives (a cosine, a BM25 score, a sum of reciprocal ranks).
        """
        texts = [query["text"] if isinstance(query, dict) else query for query in queries]
        predicted: list[list[str]] = []
        records: list[dict[str, Any]] = []
        for start in range(0, len(texts), QUERIES_AT_ONCE):
            for positions, scores in self.search(texts[start : start + QUERIES_AT_ONCE]):
                matches = [
                    self._match(*found) for found in zip(positions.tolist(), scores.tolist(), strict=True)
                ]
                predicted.append([match["id"] for match in matches])
                records.append({"matches": matches})
        return RecordAnswers(predicted, records, (self.name,) * len(texts), ranked="matches")

    @property
    def embeds_texts(self) -> bool:
        """Whether queries have vectors."""
        return embedder_among([self.finders.retriever]) is not None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text as the search compares it, of shape (n_texts, size)."""
        vectors: np.ndarray = self.finders.retriever.embed(texts)
        return vectors

    def search(self, texts: Sequence[str], *, most: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give the positions of the best matches of each query and their scores, the best first.

        Parameters
        ----------
        most : int, optional
            How many; None: `settings.top`.
        """
        most = self.settings.top if most is None else most
        if self.settings.reranks and self.finders.reranker is not None:
            found = self._rerank(texts, self.candidates(texts, most=self.settings.candidates))
        else:
            found = self.candidates(texts, most=most)
        return [(positions[:most], scores[:most]) for positions, scores in found]

    def candidates(self, texts: Sequence[str], *, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give what is found before it is read again: positions and scores, the best first."""
        by_way = [self._scores(way, texts) for way in self.settings.ways]
        rows = zip(*by_way, strict=True)
        return [_best(scores[0] if len(scores) == 1 else fuse(scores), most) for scores in rows]

    def _scores(self, way: str, texts: Sequence[str]) -> Iterator[np.ndarray]:
        """Give the scores of the collection for one query after the other, each of shape (n_texts,)."""
        if way == "words":
            assert self.finders.words is not None
            return map(self.finders.words.scores, texts)
        return self._cosines(texts)

    def _cosines(self, texts: Sequence[str]) -> Iterator[np.ndarray]:
        assert self.finders.vectors is not None
        queries = self.finders.retriever.vectors(texts)
        at_once = max(1, MOST_SCORES // len(self.collection))
        for start in range(0, len(queries), at_once):
            yield from queries[start : start + at_once] @ self.finders.vectors.T

    def _rerank(
        self, texts: Sequence[str], found: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        reranker, reread = self.finders.reranker, []
        column = reranker.labels.index(self.settings.match_label)
        for text, (positions, _) in zip(texts, found, strict=True):
            # A blank query is not a pair; it stays as it was found.
            pairs = (
                [Pair(text, self.collection.texts[position]) for position in positions] if text.strip() else []
            )
            if not pairs:
                reread.append((positions, np.zeros(len(positions))))
                continue
            chances = reranker.predict(pairs).probabilities[:, column]
            order = np.argsort(-chances, kind="stable")  # Of equals the one that was found first.
            reread.append((positions[order], chances[order]))
        return reread

    def _match(self, position: int, score: float) -> dict[str, Any]:
        return {
            "id": self.collection.ids[position],
            "text": self.collection.texts[position],
            "score": round(score, DIGITS),
        }

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.retrieve_rerank` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete collection"):
            stored = json.loads((folder / COLLECTION_FILE).read_text(encoding="utf-8"))
            members = {
                name: load_predictor(folder / name, threads=threads) if (folder / name).is_dir() else None
                for name in (RETRIEVER_FOLDER, RERANKER_FOLDER)
            }
            words = Bm25.load(folder / WORDS_FOLDER) if (folder / WORDS_FOLDER).is_dir() else None
            vectors = (
                load_file(folder / VECTORS_FILE)["vectors"].astype(np.float32)
                if members[RETRIEVER_FOLDER]
                else None
            )
            search = SearchSettings(**{**settings["search"], "ways": tuple(settings["search"]["ways"])})
            collection = Collection(tuple(stored["texts"]), tuple(stored["ids"]))
        finders = Finders(words, members[RETRIEVER_FOLDER], vectors, members[RERANKER_FOLDER])
        return cls(collection, finders, search, name=settings["name"])


def save_search(folder: Path, search: RetrieveRerankPredictor) -> None:
    """Write a search, without the folders of what embeds and of what reads again: those are exported beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    ways = search.settings.ways
    save_collection(
        folder,
        search.collection,
        search.finders.words if "words" in ways else None,
        search.finders.vectors if "vectors" in ways else None,
    )
    settings = {"kind": KIND, "name": search.name, "labels": [], "search": asdict(search.settings)}
    write_settings(folder, settings)


def as_kept(vectors: np.ndarray) -> np.ndarray:
    """Give a collection's vectors as they come back from the disk, so that a search answers there as in memory."""
    return vectors.astype(np.float16).astype(np.float32)


def save_collection(
    folder: Path, collection: Collection, words: Bm25 | None, vectors: np.ndarray | None
) -> None:
    """Write a collection and what it is found by; vectors in half precision, which moves a cosine by a thousandth."""
    stored = {"ids": list(collection.ids), "texts": list(collection.texts)}
    (folder / COLLECTION_FILE).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
    if words is not None:
        (folder / WORDS_FOLDER).mkdir(exist_ok=True)
        words.save(folder / WORDS_FOLDER)
    if vectors is not None:
        save_file({"vectors": vectors.astype(np.float16)}, folder / VECTORS_FILE)


def fuse(scores: Sequence[np.ndarray]) -> np.ndarray:
    """Give the sum of the reciprocal ranks that several ways of scoring give each text.

    Only ranks count, so a cosine and a BM25 score can be combined as they are.

    Parameters
    ----------
    scores : sequence of ndarray of shape (n_texts,)
        More is better. Texts of equal scores share the best of their ranks.

    References
    ----------
    Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", 2009.
    """
    fused = np.zeros(len(scores[0]))
    for row in scores:
        ranks = np.searchsorted(np.sort(-row), -row, side="left")
        fused += 1 / (RANK_CONSTANT + 1 + ranks)
    return fused


def _best(scores: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    # Copied: a view would keep the order of the whole collection in memory.
    order = np.argsort(-scores, kind="stable")[:most].copy()
    return order, scores[order]
