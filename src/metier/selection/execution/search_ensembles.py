"""The fusion of searches: words and vectors find, and what can reads again."""

from collections.abc import Callable
from typing import Any

from metier.fusion.search_ensemble import SearchFit, SearchParts, export_search, fit_search
from metier.predictors.loading import read_settings
from metier.runs.run_folder import Entry
from metier.selection.execution.ensemble_builder import fresh, written


class SearchJoiner:
    """Joins a search by words with one by vectors, and with one that reads again where it was trained.

    Of several searches by vectors the one that was trained longest is taken: it learned the most, and a second
    would embed every query twice.
    """

    def __init__(self, name: str):
        self.name = name
        self.members: dict[str, str] = {}
        self.fit: SearchFit | None = None

    def join(self, race: Any) -> Entry:
        """Choose on the validation queries whether and how what was found is read again."""
        self.members = _parts_of(race)
        if not {"words", "vectors"} <= set(self.members):
            why = "it joins a search by words with one by vectors, and one of them was not trained"
            return Entry(self.name, status="dropped", why=why)
        targets = race.figures.targets
        self.fit = fit_search(
            self._parts(race), race.validation_items, targets, name=self.name, listener=race.listener
        )
        if not self.fit.settings.reranks:
            self.members.pop("reranker", None)
        settings = self.fit.settings
        facts = {"ways": list(settings.ways), "reranks": settings.reranks, "trials": self.fit.trials}
        if settings.reranks:
            facts["candidates"] = settings.candidates
        return written(self, race, Entry(self.name, members=list(self.members.values()), facts=facts))

    def write(self, race: Any) -> None:
        """Compose the members' folders as they are now."""
        assert self.fit is not None  # Only what was joined is written.
        export_search(self.fit, self._parts(race), fresh(race.run.candidate(self.name)), name=self.name)

    def _parts(self, race: Any) -> SearchParts:
        reranker = self.members.get("reranker")
        read_again = None if reranker is None else race.run.candidate(reranker)
        return SearchParts(race.run.candidate(self.members["vectors"]), read_again)


def _parts_of(race: Any) -> dict[str, str]:
    """Which candidates search by words, which by vectors, and which reads again."""
    kinds: dict[str, Callable[[dict[str, Any]], bool]] = {
        "words": lambda search: search["ways"] == ["words"] and not search["reranks"],
        "vectors": lambda search: search["ways"] == ["vectors"] and not search["reranks"],
        "reranker": lambda search: bool(search["reranks"]),
    }
    entries = [entry for entry in race.joinable if not entry.members]
    searches = {entry.name: read_settings(race.run.candidate(entry.name)).get("search") for entry in entries}
    found = {}
    for kind, is_one in kinds.items():
        able = [entry for entry in entries if (search := searches[entry.name]) and is_one(search)]
        if able:
            found[kind] = max(able, key=lambda entry: float(entry.train_seconds)).name
    return found
