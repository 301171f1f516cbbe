"""Retrieve and rerank: lexical and dense retrieval, then a cross-encoder that reranks the candidates."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from metier.errors import DataError, SettingsError
from metier.fusion.search_choice import choose_search, known_searches
from metier.predictors.composite.retrieve_rerank import (
    RERANKER_FOLDER,
    RETRIEVER_FOLDER,
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    save_search,
)
from metier.predictors.loading import load_predictor
from metier.progress import Listener, Progress, ignore
from metier.tasks.collection import Collection, collection_of
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.text_pair import find_match_label
from metier.text.bm25 import Bm25
from metier.text.given_texts import as_texts

# More candidates find more and cost more: the reranker reads every one.
CANDIDATES = (10, 30, 100)
UNFITTED_CANDIDATES = 30


class RetrieveRerank(BaseEstimator):
    """Retrieve candidates from a collection by BM25 and by embeddings [1]_, then rerank them by a method for pairs
    [2]_.

    Retrieval is fast and coarse, reranking slow and precise. On validation all retrievers (lexical, dense, both by
    reciprocal rank fusion) are compared, with and without the reranker and for several numbers of candidates; of
    those that rank the answers equally well, the cheapest is kept.

    Parameters
    ----------
    retriever : path or fitted method, default=None
        What gives vectors: `BiEncoder` or `FrozenPair`, fitted, or the folder of one that was exported; None: words
        alone.
    reranker : path or fitted method, default=None
        A fitted method of pairs, or its folder; None: no reranking.
    match_label : str, default=None
        Of the reranker's labels the one that means a match; None: recognised.
    ways : tuple of str, default=None
        Of `words` and `vectors`; None: chosen on validation, and without validation all there are.
    candidates : int, default=None
        Retrieved candidates before reranking; None: chosen on validation.
    reranks : bool, default=None
        Whether the reranker is used; None: chosen on validation, and without validation it is.
    top : int, default=5
        Most matches in an answer.
    work_folder : path, default=None
        Where methods that come fitted are exported to; needed only for those.

    Attributes
    ----------
    predictor_ : RetrieveRerankPredictor
    chosen_params_ : dict
        `ways`, `candidates` and `reranks`.
    facts_ : dict
        `trials`: for each way that was tried, the mean reciprocal rank.

    References
    ----------
    .. [1] Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
       methods", 2009.
    .. [2] Nogueira and Cho, "Passage re-ranking with BERT", 2019, arXiv:1901.04085.
    """

    name = "retrieve_rerank.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.ENSEMBLE)

    def __init__(
        self,
        *,
        retriever: Any = None,
        reranker: Any = None,
        match_label: str | None = None,
        ways: Sequence[str] | None = None,
        candidates: int | None = None,
        reranks: bool | None = None,
        top: int = 5,
        work_folder: str | Path | None = None,
    ):
        self.retriever = retriever
        self.reranker = reranker
        self.match_label = match_label
        self.ways = ways
        self.candidates = candidates
        self.reranks = reranks
        self.top = top
        self.work_folder = work_folder

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn a collection.

        Parameters
        ----------
        X : texts of the collection
        y : sequence of str
            The id of each; texts that answer the same may share one, rows of a label for instance.
        validation : (queries, ids), optional
            For each query the id that answers it, or a list of ids.
        """
        self._check_settings()
        collection = _check_collection(X, y)
        self._folders = {
            name: self._folder_of(name, member)
            for name, member in ((RETRIEVER_FOLDER, self.retriever), (RERANKER_FOLDER, self.reranker))
            if member is not None
        }
        members = {name: load_predictor(folder) for name, folder in self._folders.items()}
        retriever, reranker = members.get(RETRIEVER_FOLDER), members.get(RERANKER_FOLDER)
        listener(Progress(f"{self.name}: reading the collection", 0, len(collection), unit="texts"))
        vectors = None if retriever is None else retriever.vectors(collection.texts)  # type: ignore[attr-defined]
        listener(
            Progress(f"{self.name}: reading the collection", len(collection), len(collection), unit="texts")
        )
        finders = Finders(Bm25().fit(collection.texts), retriever, vectors, reranker)
        search = RetrieveRerankPredictor(collection, finders, self._unchosen(finders), name=self.name)
        self.facts_: dict[str, Any] = {"texts": len(collection)}
        if validation is not None:
            options = self._options(search.settings, len(collection))
            search.settings, self.facts_["trials"] = choose_search(
                search, options, known_searches(collection, *validation), listener=listener
            )
        self.predictor_ = search
        chosen = search.settings
        self.chosen_params_ = {
            "ways": chosen.ways,
            "candidates": chosen.candidates,
            "reranks": chosen.reranks,
        }
        return self

    def predict(self, X: Any) -> list[list[str]]:
        """Give the ids of the best matches of each query, the best first."""
        check_is_fitted(self)
        return self.predictor_.predict(as_texts(X)).predicted

    def search(self, X: Any) -> list[list[dict[str, Any]]]:
        """Give the best matches of each query: `id`, `text` and `score`."""
        check_is_fitted(self)
        return [record["matches"] for record in self.predictor_.predict(as_texts(X)).records]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.retrieve_rerank` answers from: collection, index, members."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        search = self.predictor_
        needs = {RETRIEVER_FOLDER: "vectors" in search.settings.ways, RERANKER_FOLDER: search.settings.reranks}
        for name, member in self._folders.items():
            if needs[name]:
                _copy(member, folder / name)
        save_search(folder, search)

    def _check_settings(self) -> None:
        known = ("words", "vectors") if self.retriever is not None else ("words",)
        faults = [
            f"ways holds {way!r}, expected some of {', '.join(known)}"
            for way in self.ways or ()
            if way not in known
        ]
        if self.ways is not None and not self.ways:
            faults.append("ways is empty, expected at least one retriever")
        for setting, value in (("candidates", self.candidates), ("top", self.top)):
            if value is not None and value < 1:
                faults.append(f"{setting} is {value!r}, expected a whole number above 0")
        if self.reranks and self.reranker is None:
            faults.append("reranks is True, but there is no reranker")
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")

    def _folder_of(self, name: str, member: Any) -> Path:
        if isinstance(member, str | Path):
            return Path(member)
        if self.work_folder is None:
            raise SettingsError(
                [f"work_folder is None, expected a folder to export the {name} to"],
                origin=f"The settings of {self.name}",
            )
        folder = Path(self.work_folder) / name
        folder.mkdir(parents=True, exist_ok=True)
        member.export(folder)
        return folder

    def _unchosen(self, finders: Finders) -> SearchSettings:
        ways = ("words", "vectors") if finders.retriever is not None else ("words",)
        match = None
        if finders.reranker is not None:
            match = find_match_label(finders.reranker.labels, stated=self.match_label)
            if match is None:
                raise DataError(
                    f"None of the reranker's labels {', '.join(map(repr, finders.reranker.labels))} is "
                    "known to mean a match. State it with match_label."
                )
        return SearchSettings(
            candidates=self.candidates or UNFITTED_CANDIDATES,
            top=self.top,
            match_label=match,
            ways=tuple(self.ways or ways),
            reranks=finders.reranker is not None if self.reranks is None else self.reranks,
        )

    def _options(self, settings: SearchSettings, n_texts: int) -> list[SearchSettings]:
        ways = [settings.ways]
        if self.ways is None and len(settings.ways) > 1:
            ways = [("words",), ("vectors",), settings.ways]
        options = [replace(settings, ways=each, reranks=False) for each in ways]
        if not settings.reranks:
            return options
        enough = [size for size in CANDIDATES if size < n_texts] or list(CANDIDATES[:1])
        sizes = enough if self.candidates is None else [self.candidates]
        reranked = [replace(settings, ways=each, candidates=size) for size in sizes for each in ways]
        return reranked if self.reranks else options + reranked


def _check_collection(X: Any, y: Any) -> Collection:
    texts = as_texts(X)
    ids = [value if isinstance(value, list) else str(value) for value in y]  # A target of the task is a list.
    if len(texts) != len(ids):
        raise ValueError(f"Expected one id for each text, found {len(texts)} texts and {len(ids)} ids.")
    return collection_of(None, texts, ids)


def _copy(member: Path, folder: Path) -> None:
    """Copy an exported predictor, without what only training needs of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in member.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
