"""Training pairs for a reranker without labelled pairs: known answers, and hard negatives that a search finds."""

from collections.abc import Collection, Sequence
from typing import Any

from metier.predictors.composite.retrieve_rerank import RetrieveRerankPredictor
from metier.tasks.inputs.pair import Pair, as_items

MATCH, MISS = "1", "0"


def mine_pairs(
    search: RetrieveRerankPredictor,
    queries: Sequence[str],
    ids: Sequence[str | Collection[str]],
    *,
    misses: int = 4,
    skipped: int = 0,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Give pairs of queries and texts of the collection, with their labels.

    Random texts would teach a reranker what finding candidates knows already; what it has to tell from the answer
    are the texts that were found beside it [1]_.

    Parameters
    ----------
    search : RetrieveRerankPredictor
        Finds the near misses; `RetrieveRerank(...).fit(...).predictor_`.
    queries : sequence of str
    ids : sequence of str, or of collections of str
        What answers each query; its texts are matches.
    misses : int, default=4
        Texts that do not answer, for each query.
    skipped : int, default=0
        Of the first found, so many are not taken: in a collection where not every answer is known, the very first
        may be one.

    Returns
    -------
    pairs : list of dict
        With `text` and `text_pair`.
    labels : list of str
        "1" for a match, "0" for a miss.

    References
    ----------
    .. [1] Karpukhin et al., "Dense passage retrieval for open-domain question answering", 2020, arXiv:2004.04906.
    """
    collection = search.collection
    pairs, labels = [], []
    for query, own in zip(queries, ids, strict=True):
        wanted = {own} if isinstance(own, str) else set(own)
        answers = [text for text, name in zip(collection.texts, collection.ids, strict=True) if name in wanted]
        ((found, _),) = search.candidates([query], most=misses + skipped + len(answers))
        others = [
            collection.texts[position]
            for position in found[skipped:].tolist()
            if collection.ids[position] not in wanted
        ][:misses]
        pairs += [Pair(query, text) for text in answers + others]
        labels += [MATCH] * len(answers) + [MISS] * len(others)
    return as_items(pairs), labels
