"""Searches of a run put together: found by words and by vectors, and reranked where a member can."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from metier.errors import DataError
from metier.fusion.composition import place_member
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
from metier.progress import Listener, ignore
from metier.text.bm25 import Bm25

SIZES = (10, 30)  # Found before they are read again: each costs a pass of the reranker.


@dataclass(frozen=True)
class SearchParts:
    """The folders of the searches that are put together.

    Parameters
    ----------
    vectors : Path
        Of a search by vectors.
    reranker : Path or None
        Of a search that reads again.
    """

    vectors: Path
    reranker: Path | None = None


@dataclass(frozen=True)
class SearchFit:
    """How the whole search goes.

    Parameters
    ----------
    settings : SearchSettings
    trials : list of dict
        What was tried; see `search_choice.choose_search`.
    """

    settings: SearchSettings
    trials: list[dict[str, Any]]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` gave."""
        settings = {**stored["settings"], "ways": tuple(stored["settings"]["ways"])}
        return cls(SearchSettings(**settings), stored["trials"])


def fit_search(
    parts: SearchParts, queries: Any, ids: Any, *, name: str, listener: Listener = ignore
) -> SearchFit:
    """Choose on queries with known answers how the parts are put together; what one part does alone is not among it.

    Parameters
    ----------
    queries : texts
    ids : sequence of str or of list of str
        What answers each.
    """
    search = _joined(parts, name)
    both = replace(search.settings, ways=("words", "vectors"), reranks=False, match_label=None)
    options = [both]
    if search.finders.reranker is not None:
        match = search.settings.match_label
        ways = (("vectors",), ("words", "vectors"))
        options += [
            replace(both, ways=each, candidates=size, reranks=True, match_label=match)
            for size in SIZES
            if size < len(search.collection)
            for each in ways
        ]
    known = known_searches(search.collection, queries, ids)
    return SearchFit(*choose_search(search, options, known, listener=listener))


def export_search(fit: SearchFit, parts: SearchParts, folder: Path, *, name: str) -> None:
    """Put the parts together into a folder that `predictors.composite.retrieve_rerank` answers from."""
    search = _joined(parts, name)
    search.settings = fit.settings
    save_search(folder, search)
    if "vectors" in fit.settings.ways:
        place_member(parts.vectors / RETRIEVER_FOLDER, folder, RETRIEVER_FOLDER)
    if fit.settings.reranks and parts.reranker is not None:
        place_member(parts.reranker / RERANKER_FOLDER, folder, RERANKER_FOLDER)


def _joined(parts: SearchParts, name: str) -> RetrieveRerankPredictor:
    found = _search_in(parts.vectors)
    reader = None if parts.reranker is None else _search_in(parts.reranker)
    # The words of the very collection that has vectors: of two members one may have been refitted on more rows.
    finders = Finders(
        Bm25().fit(found.collection.texts),
        found.finders.retriever,
        found.finders.vectors,
        None if reader is None else reader.finders.reranker,
    )
    settings = replace(found.settings, match_label=None if reader is None else reader.settings.match_label)
    return RetrieveRerankPredictor(found.collection, finders, settings, name=name)


def _search_in(folder: Path) -> RetrieveRerankPredictor:
    search = load_predictor(folder)
    if not isinstance(search, RetrieveRerankPredictor):
        raise DataError(f"{folder} holds {search.name}, which does not search. Join searches with one another.")
    return search
