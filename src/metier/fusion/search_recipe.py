"""The searches of a run, put together: lexical and by vectors, and reranked where a candidate can."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from metier.fusion.candidates import Candidates
from metier.fusion.ensemble import Chosen, Ensemble
from metier.fusion.search_ensemble import SearchFit, SearchParts, export_search, fit_search
from metier.predictors.loading import read_settings

NAME = "retrieve_rerank.v1"
RETRIEVERS = {"words", "vectors"}
PARTS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "words": lambda search: search["ways"] == ["words"] and not search["reranks"],
    "vectors": lambda search: search["ways"] == ["vectors"] and not search["reranks"],
    "reranker": lambda search: bool(search["reranks"]),
}


class SearchRecipe:
    """A lexical search with one by vectors, and with one that reranks where it was trained.

    Of several searches by vectors the one that was trained longest is taken: it learned the most, and a second
    would embed every query twice.
    """

    def choose(self, candidates: Candidates) -> Chosen[SearchFit]:
        """Choose on the validation queries whether and how what was found is reranked."""
        parts = _parts_of(candidates)
        if not set(parts) >= RETRIEVERS:
            return Chosen(
                why_dropped="it is made of a lexical search and one by vectors, and one of them was not trained"
            )
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

    def stored(self, fit: SearchFit) -> Mapping[str, Any]:
        """Give a fit as JSON holds it."""
        return asdict(fit)

    def restored(self, stored: Mapping[str, Any]) -> SearchFit:
        """Read what `stored` gave."""
        return SearchFit.of(stored)

    def export(self, fit: SearchFit, folders: Sequence[Path], folder: Path, *, name: str) -> None:
        """Put the searches together."""
        export_search(fit, _as_parts(folders), folder, name=name)


def search_ensemble(name: str) -> Ensemble[SearchFit]:
    """Search by words and by vectors, and rerank; see `search_ensemble`."""
    return Ensemble(name, SearchRecipe())


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
