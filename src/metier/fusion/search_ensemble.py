"""The searches of a run combined: lexical and dense, reranked where a candidate can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from metier.errors import DataError
from metier.fusion.candidates import Candidates
from metier.fusion.composition import place_member
from metier.fusion.ensemble import Chosen, Ensemble, FunctionRecipe
from metier.fusion.search_choice import choose_search, known_searches
from metier.predictors.composite.retrieve_rerank import (
    RERANKER_FOLDER,
    RETRIEVER_FOLDER,
    Finders,
    RetrieveRerankPredictor,
    SearchSettings,
    save_search,
)
from metier.predictors.loading import load_predictor, read_settings
from metier.progress import Listener, ignore
from metier.text.bm25 import Bm25

NAME = "retrieve_rerank.v1"
RETRIEVERS = {"words", "vectors"}
PARTS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "words": lambda search: search["ways"] == ["words"] and not search["reranks"],
    "vectors": lambda search: search["ways"] == ["vectors"] and not search["reranks"],
    "reranker": lambda search: bool(search["reranks"]),
}
SIZES = (10, 30)  # Retrieved candidates before reranking: each costs a pass of the reranker.


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


def search_ensemble(name: str) -> Ensemble[SearchFit]:
    """Search by words and by vectors, and rerank where a candidate that reranks was trained and it pays."""
    return Ensemble(name, FunctionRecipe(_choose, SearchFit.of, _export))


def _choose(candidates: Candidates) -> Chosen[SearchFit]:
    """Choose on the validation queries whether and how what was found is reranked.

    Of several searches by vectors the one that was trained longest is taken: it learned the most, and a second
    would embed every query twice.
    """
    parts = _parts_of(candidates)
    if not set(parts) >= RETRIEVERS:
        return Chosen(why_dropped="it combines a lexical and a dense search, and one of them was not trained")
    folders = [candidates.run.candidate(name) for name in parts.values()]
    targets = candidates.scores.targets
    fit = fit_search(
        _as_parts(folders), candidates.validation_items, targets, name=NAME, listener=candidates.listener
    )
    settings = fit.settings
    if not settings.reranks:
        parts.pop("reranker", None)
    facts: dict[str, Any] = {"ways": list(settings.ways), "reranks": settings.reranks, "trials": fit.trials}
    if settings.reranks:
        facts["candidates"] = settings.candidates
    return Chosen(list(parts.values()), fit, facts=facts)


def _export(fit: SearchFit, folders: Sequence[Path], folder: Path, /, *, name: str) -> None:
    export_search(fit, _as_parts(folders), folder, name=name)


def _as_parts(folders: Sequence[Path]) -> SearchParts:
    """Give the folders of a lexical search, of one by vectors, and perhaps of one that reranks, by what they do."""
    return SearchParts(folders[1], folders[2] if len(folders) > 2 else None)


def _parts_of(candidates: Candidates) -> dict[str, str]:
    """Give which candidate does what, in the order of `PARTS`."""
    entries = [entry for entry in candidates.combinable if not entry.members]
    searches = {
        entry.name: read_settings(candidates.run.candidate(entry.name)).get("search") for entry in entries
    }
    found = {}
    for part, does in PARTS.items():
        able = [entry for entry in entries if (search := searches[entry.name]) and does(search)]
        if able:
            found[part] = max(able, key=lambda entry: float(entry.train_seconds)).name
    return found


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
        raise DataError(f"{folder} holds {search.name}, which does not search. Combine searches only.")
    return search
