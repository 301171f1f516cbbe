"""Which search is kept: the cheapest among those that rank the answers equally well."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metier.errors import EmptyDataError
from metier.evaluation.retrieval_measures import reciprocal_rank
from metier.predictors.composite.retrieve_rerank import RetrieveRerankPredictor, SearchSettings
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import Answers
from metier.tasks.collection import Collection, KnownSearches, as_relevant
from metier.text.given_texts import as_texts

DEPTH = 100
MOST_TRIED = 300  # Queries that are tried: the reranker reads many texts for each.


class _Remembering:
    """A reranker that reads a pair once, however many ways of searching come upon it."""

    def __init__(self, reranker: Any):
        self.labels = reranker.labels
        self._reranker = reranker
        self._known: dict[tuple[str, str], np.ndarray] = {}

    def predict(self, pairs: Sequence[tuple[str, str]]) -> Answers:
        """Answer pairs; those that were asked before are looked up."""
        fresh = [pair for pair in pairs if pair not in self._known]
        if fresh:
            self._known |= dict(zip(fresh, self._reranker.predict(fresh).probabilities, strict=True))
        return Answers(np.stack([self._known[pair] for pair in pairs]), self.labels, ("",) * len(pairs))


def choose_search(
    search: RetrieveRerankPredictor,
    options: Sequence[SearchSettings],
    known: KnownSearches,
    *,
    listener: Listener = ignore,
) -> tuple[SearchSettings, list[dict[str, Any]]]:
    """Try settings, the cheap ones first; keep the first that is not shown to be worse than the best.

    Returns
    -------
    settings : SearchSettings
    trials : list of dict
        For each option `ways`, `candidates`, `reranks` and the mean `reciprocal_rank`.
    """
    finders = search.finders
    if finders.reranker is not None:
        finders = replace(finders, reranker=_Remembering(finders.reranker))
    found = []
    for number, settings in enumerate(options):
        listener(Progress(f"{search.name}: trying", number, len(options), unit="ways"))
        found.append(_reciprocal_ranks(RetrieveRerankPredictor(search.collection, finders, settings), known))
    best = found[int(np.argmax([ranks.mean() for ranks in found]))]
    # Within one standard error of the paired difference (Breiman et al., 1984).
    errors = [float((best - ranks).std()) / np.sqrt(len(best)) for ranks in found]
    chosen = next(number for number, ranks in enumerate(found) if (best - ranks).mean() <= errors[number])
    trials = [
        {
            "ways": list(settings.ways),
            "candidates": settings.candidates if settings.reranks else None,
            "reranks": settings.reranks,
            "reciprocal_rank": float(ranks.mean()),
        }
        for settings, ranks in zip(options, found, strict=True)
    ]
    return options[chosen], trials


def known_searches(collection: Collection, queries: Any, ids: Any) -> KnownSearches:
    """Give what is tried, of many queries some, evenly: files are often sorted.

    Raises
    ------
    EmptyDataError
        If a query says what answers it and that is not in the collection, or no query says it.
    """
    asked = [(text, own) for text, own in zip(as_texts(queries), as_relevant(ids), strict=True) if own]
    if not asked:
        raise EmptyDataError(
            "No query has an answer, so searches cannot be compared. Give the ids of the answers."
        )
    picked = np.unique(np.linspace(0, len(asked) - 1, min(MOST_TRIED, len(asked))).astype(int))
    texts, relevant = zip(*(asked[position] for position in picked), strict=True)
    return KnownSearches(collection.texts, collection.ids, texts, relevant)


def _reciprocal_ranks(search: RetrieveRerankPredictor, known: KnownSearches) -> np.ndarray:
    # What reads again ranks only what was found: a partner outside is not found at all.
    depth = min(search.settings.candidates if search.settings.reranks else DEPTH, len(search.collection))
    found = search.search(known.queries, most=depth)
    ranks = [
        reciprocal_rank(wanted, positions.tolist())
        for wanted, (positions, _) in zip(known.positions, found, strict=True)
    ]
    return np.array(ranks, dtype=np.float64)
