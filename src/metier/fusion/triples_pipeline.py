"""A tagger and a relation method joined: entities of raw texts and the relations between them.

Both are trained on what the rows state: the tagger on all spans, the relation method on every pair of them that the
types and the distance of related pairs in training let through. A pair without a relation teaches it `none`. On
validation texts the threshold of a triple is chosen with the tagger's own spans, so that its mistakes count.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.errors import TooFewLabelsError
from metier.evaluation.triple_measures import triple_f1
from metier.fusion.composition import exported, place_member
from metier.fusion.training import settle
from metier.predictors.composite.triples_pipeline import (
    KIND,
    UNRELATED,
    PairRules,
    asked_pairs,
    candidates_of,
    likely,
    pair_item,
)
from metier.predictors.loading import write_settings
from metier.progress import Listener, ignore
from metier.tasks.answers.scored_spans import ScoredSpan
from metier.tasks.answers.triples import TRIPLES, ScoredRelation, TripleTarget, target_of
from metier.tasks.examples import Examples
from metier.text.given_texts import as_texts

UNFITTED_THRESHOLD = 0.25  # Two spans and a relation of which each is a little likelier than not.
N_THRESHOLDS = 40
MOST_BEYOND = 1_000
UNRELATED_FOR_EACH = 20  # Pairs without a relation that are learned from, for each one that has some.

Found = tuple[list[ScoredSpan], list[ScoredRelation]]


class JoinedTriples(BaseEstimator):
    """Entities by a tagger, then relations between them by a relation method.

    Parameters
    ----------
    tagger, relation : method
        Unfitted.
    threshold : float, default=None
        Least probability of a triple, 0 to 1; None: chosen on validation.
    random_state : int, default=0
        For the pairs without a relation that are learned from, where there are many.

    Attributes
    ----------
    labels_ : tuple of str
        The relations.
    tagger_, relation_ : fitted methods
    rules_ : PairRules
    threshold_ : float
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        How many pairs were learned from, and how many of them have a relation.
    """

    name = KIND

    def __init__(
        self,
        *,
        tagger: Any = None,
        relation: Any = None,
        threshold: float | None = None,
        random_state: int = 0,
    ):
        self.tagger = tagger
        self.relation = relation
        self.threshold = threshold
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts, no array of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Train both methods on X, and choose the threshold on the validation rows."""
        examples = TRIPLES.check(as_texts(X), y)
        held = (
            None
            if validation is None
            else TRIPLES.check(as_texts(validation[0]), validation[1], known=examples)
        )
        self.labels_ = examples.label_names
        self.rules_ = PairRules.learned(examples.truth)
        tagger, relation = self._members()
        self.tagger_ = _fit_tagger(tagger, examples, held, listener)
        self.relation_ = self._fit_relation(relation, examples, held, listener)
        self.threshold_ = UNFITTED_THRESHOLD if self.threshold is None else self.threshold
        if self.threshold is None and held is not None:
            self.threshold_ = self._best_threshold(held)
        self.chosen_params_ = self._chosen()
        return self

    def predict(self, X: Any) -> list[TripleTarget]:
        """Give the spans of each text and the relations between them."""
        check_is_fitted(self)
        return [
            target_of(spans, likely(candidates, self.threshold_))
            for spans, candidates in self._candidates(as_texts(X))
        ]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.composite.triples_pipeline` answers from."""
        check_is_fitted(self)
        with exported([self.tagger_, self.relation_], beside=folder) as folders:
            stages = [
                place_member(source, folder, f"stages/{name}")
                for source, name in zip(folders, ("tagger", "relation"), strict=True)
            ]
        write_settings(
            folder,
            {
                "kind": KIND,
                "name": self.name,
                "labels": list(self.labels_),
                "stages": stages,
                "rules": self.rules_.settings(),
                "threshold": self.threshold_,
            },
        )

    def _members(self) -> tuple[Any, Any]:
        """Give both methods, unfitted."""
        return self.tagger, self.relation

    def _chosen(self) -> dict[str, Any]:
        return {
            "tagger": settle(self.tagger_),
            "relation": settle(self.relation_),
            "threshold": self.threshold_,
        }

    def _fit_relation(self, method: Any, examples: Examples, held: Examples | None, listener: Listener) -> Any:
        random = np.random.default_rng(self.random_state)
        items, labels = _learned_pairs(examples, self.rules_, random)
        known = set(labels)
        self.facts_ = {"pairs": len(labels), "related": len(labels) - labels.count(UNRELATED)}
        if UNRELATED not in known:
            raise TooFewLabelsError(
                "Every pair of marked parts in these rows has a relation, so nothing shows which have none. "
                "Add texts that mark parts without a relation between them."
            )
        validation = None if held is None else _learned_pairs(held, self.rules_, random)
        if validation is not None:
            kept = [place for place, label in enumerate(validation[1]) if label in known]
            validation = ([validation[0][place] for place in kept], [validation[1][place] for place in kept])
        some = validation if validation is not None and validation[1] else None
        return clone(method).fit(items, labels, validation=some, listener=listener)

    def _candidates(self, texts: Sequence[str]) -> list[Found]:
        spans = self.tagger_.predict_spans(texts)
        items, pairs = asked_pairs(texts, spans, self.rules_)
        labels = [str(label) for label in self.relation_.classes_]
        chances = self.relation_.predict_proba(items) if items else np.zeros((0, len(labels)))
        edges = np.cumsum([0, *map(len, pairs)])
        return [
            (list(own), candidates_of(own, asked, chances[first:stop], labels, self.rules_))
            for own, asked, first, stop in zip(spans, pairs, edges[:-1], edges[1:], strict=True)
        ]

    def _best_threshold(self, held: Examples) -> float:
        """Try thresholds at equal shares of the candidates; of equals the middle one."""
        found = self._candidates(held.items)
        chances = np.array([one.probability for _, candidates in found for one in candidates])
        if not len(chances):
            return UNFITTED_THRESHOLD
        edges = np.unique(np.quantile(chances, np.linspace(0, 1, N_THRESHOLDS)))
        tried = (np.concatenate([[0.0], edges[:-1]]) + edges) / 2
        scores = np.array(
            [
                triple_f1(held.truth, [target_of(spans, likely(some, one)) for spans, some in found])
                for one in tried
            ]
        )
        best = np.flatnonzero(scores >= scores.max() - 1e-12)
        return float(tried[best[len(best) // 2]])


def _fit_tagger(method: Any, examples: Examples, held: Examples | None, listener: Listener) -> Any:
    spans = [row["spans"] for row in examples.truth]
    known = {label for row in spans for *_, label in row}
    validation = None
    if held is not None:
        own = [(text, row["spans"]) for text, row in zip(held.items, held.truth, strict=True)]
        kept = [(text, some) for text, some in own if known.issuperset(label for *_, label in some)]
        validation = ([text for text, _ in kept], [some for _, some in kept]) if kept else None
    return clone(method).fit(examples.items, spans, validation=validation, listener=listener)


def _learned_pairs(
    examples: Examples, rules: PairRules, random: np.random.Generator
) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Give the pairs of the true spans that may have a relation, and what each has.

    Where every such pair has one, what has none is shown by the pairs that the rules leave out.
    """
    related: list[tuple[Any, str]] = []
    unrelated: list[tuple[Any, str]] = []
    beyond: list[tuple[Any, str]] = []
    for text, row in zip(examples.items, examples.truth, strict=True):
        stated = {(head, tail): label for head, tail, label in reversed(row["relations"])}
        within = set(rules.pairs(row["spans"]))
        for head, tail in itertools.permutations(range(len(row["spans"])), 2):
            if (head, tail) not in within and len(beyond) >= MOST_BEYOND:
                continue
            item = pair_item(text, row["spans"][head], row["spans"][tail])
            label = stated.get((head, tail))
            if label is not None:
                related.append((item, label))
            else:
                (unrelated if (head, tail) in within else beyond).append((item, UNRELATED))
    unrelated = unrelated or beyond
    most = UNRELATED_FOR_EACH * max(len(related), 1)
    if len(unrelated) > most:
        unrelated = [unrelated[place] for place in np.sort(random.permutation(len(unrelated))[:most])]
    pairs = [*related, *unrelated]
    return [item for item, _ in pairs], [str(label) for _, label in pairs]
