"""Entities of a text and the relations between them, by a tagger and a relation method: `triples_pipeline.v1`.

The tagger marks entities; each ordered pair of them that the rules of the rows let through is asked of the relation
method; what is likely enough is a triple. How likely a triple is: both spans and the relation, as if they did not depend
on one another.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError
from metier.predictors.composite.members import member_folder
from metier.predictors.loading import Predictor, as_bundle_error, load_predictor, read_settings
from metier.tasks.answer_batches import Answers, RecordAnswers
from metier.tasks.answers.bio import Span
from metier.tasks.answers.scored_spans import ScoredSpan, spans_of_record
from metier.tasks.answers.triples import ScoredRelation, TripleTarget, triple_answers

KIND = "triples_pipeline.v1"
UNRELATED = "none"  # The relation method's answer to a pair that has no relation.
TEXTS_AT_ONCE = 64  # Their pairs are in memory together.
MOST_PAIRS = 4_096  # Pairs of one text: a book whose every word is an entity has no end of them.


@dataclass(frozen=True)
class PairRules:
    """Which pairs of spans may have which relations, as the training rows show it.

    Parameters
    ----------
    relations : mapping of (str, str) to tuple of str
        By the types of the first and the second span: the relations that joined such in training.
    most_between : int
        Most characters between two spans: twice as many as between the farthest related ones of training.
    both_ways : bool
        Whether two spans may have a relation in each direction.
    """

    relations: Mapping[tuple[str, str], tuple[str, ...]]
    most_between: int
    both_ways: bool

    @classmethod
    def learned(cls, targets: Sequence[TripleTarget]) -> Self:
        """Learn them from the spans and relations of rows."""
        relations: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        most, both = 0, False
        for row in targets:
            pairs = {(head, tail) for head, tail, _ in row["relations"]}
            both = both or any((tail, head) in pairs for head, tail in pairs)
            for head, tail, label in row["relations"]:
                one, other = row["spans"][head], row["spans"][tail]
                relations[one[2], other[2]][label] += 1
                most = max(most, 2 * _between(one, other))
        return cls({types: tuple(sorted(own)) for types, own in relations.items()}, most, both)

    def pairs(self, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
        """Give the ordered pairs of spans that may have a relation, by their places."""
        for head, one in enumerate(spans):
            for tail, other in enumerate(spans):
                if (
                    head != tail
                    and (one[2], other[2]) in self.relations
                    and _between(one, other) <= self.most_between
                ):
                    yield head, tail

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        relations = [[*types, list(own)] for types, own in sorted(self.relations.items())]
        return {"relations": relations, "most_between": self.most_between, "both_ways": self.both_ways}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        relations = {(head, tail): tuple(own) for head, tail, own in settings["relations"]}
        return cls(relations, int(settings["most_between"]), bool(settings["both_ways"]))


def _between(one: Span, other: Span) -> int:
    return max(0, max(one[0], other[0]) - min(one[1], other[1]))


def pair_item(text: str, head: Span, tail: Span) -> dict[str, Any]:
    """Give two spans of a text as a relation method takes them."""
    return {
        "text": text,
        "head": [head[0], head[1]],
        "tail": [tail[0], tail[1]],
        "head_type": head[2],
        "tail_type": tail[2],
    }


def asked_pairs(
    texts: Sequence[str], found: Sequence[Sequence[ScoredSpan]], rules: PairRules
) -> tuple[list[dict[str, Any]], list[list[tuple[int, int]]]]:
    """Give what a relation method is asked of texts, and the pair of each question, a list a text."""
    items, pairs = [], []
    for text, own in zip(texts, found, strict=True):
        spans = [[one.start, one.end, one.label] for one in own]
        asked = [pair for pair, _ in zip(rules.pairs(spans), range(MOST_PAIRS), strict=False)]
        items += [pair_item(text, spans[head], spans[tail]) for head, tail in asked]
        pairs.append(asked)
    return items, pairs


def candidates_of(
    spans: Sequence[ScoredSpan],
    pairs: Sequence[tuple[int, int]],
    probabilities: np.ndarray,
    labels: Sequence[str],
    rules: PairRules,
) -> list[ScoredRelation]:
    """Give the likeliest relation of each pair that the types of its spans allow.

    Parameters
    ----------
    probabilities : ndarray of shape (n_pairs, n_labels)
        Of the relation method, `UNRELATED` among its labels.
    """
    column = {label: place for place, label in enumerate(labels)}
    found: dict[tuple[int, int], ScoredRelation] = {}
    for (head, tail), chances in zip(pairs, probabilities, strict=True):
        allowed = [label for label in rules.relations[spans[head].label, spans[tail].label] if label in column]
        if not allowed:
            continue
        label = max(allowed, key=lambda one: float(chances[column[one]]))
        chance = float(chances[column[label]]) * spans[head].probability * spans[tail].probability
        found[head, tail] = ScoredRelation(head, tail, label, chance)
    if not rules.both_ways:
        found = {
            (head, tail): one
            for (head, tail), one in found.items()
            if (tail, head) not in found or (one.probability, -head) > (found[tail, head].probability, -tail)
        }
    return list(found.values())


def likely(candidates: Sequence[ScoredRelation], threshold: float) -> list[ScoredRelation]:
    """Give the relations that are likely enough, in the order of their spans."""
    return sorted(one for one in candidates if one.probability >= threshold)


class TriplesPipelinePredictor:
    """A tagger, then a relation method over the pairs of what it marked. Safe to share between threads if both are.

    Parameters
    ----------
    tagger, relation : Predictor
    rules : PairRules
    threshold : float
        Least probability of a triple, 0 to 1.
    labels : sequence of str
        The relations, without `UNRELATED`.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        tagger: Predictor,
        relation: Predictor,
        rules: PairRules,
        threshold: float,
        labels: Sequence[str],
        name: str,
    ):
        self.tagger, self.relation = tagger, relation
        self.rules, self.threshold = rules, threshold
        self.labels, self.name = tuple(labels), name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.triples_pipeline` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If a member is missing, or the second does not answer with labels.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete pipeline of triples"):
            stages = [member_folder(folder, entry) for entry in settings["stages"]]
            tagger, relation = (load_predictor(stage, threads=threads) for stage in stages)
            rules, threshold = PairRules.of(settings["rules"]), float(settings["threshold"])
        if UNRELATED not in relation.labels:
            raise BundleError(
                f"{folder} holds {relation.name} where a relation method was expected that knows {UNRELATED!r}. "
                "Export it again."
            )
        return cls(
            tagger=tagger,
            relation=relation,
            rules=rules,
            threshold=threshold,
            labels=settings["labels"],
            name=settings["name"],
        )

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the entities of texts and the relations between them, a batch of texts at a time."""
        found: list[tuple[list[ScoredSpan], list[ScoredRelation]]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            found += self._of_some(list(texts[start : start + TEXTS_AT_ONCE]))
        return triple_answers(texts, found, name=self.name)

    def _of_some(self, texts: list[str]) -> list[tuple[list[ScoredSpan], list[ScoredRelation]]]:
        marked = self.tagger.predict(texts)
        spans = [spans_of_record(marked.record(row)) for row in range(len(texts))]
        items, pairs = asked_pairs(texts, spans, self.rules)
        chances = self._chances(items)
        edges = np.cumsum([0, *map(len, pairs)])
        return [
            (
                own,
                likely(
                    candidates_of(own, asked, chances[first:stop], self.relation.labels, self.rules),
                    self.threshold,
                ),
            )
            for own, asked, first, stop in zip(spans, pairs, edges[:-1], edges[1:], strict=True)
        ]

    def _chances(self, items: list[dict[str, Any]]) -> np.ndarray:
        if not items:
            return np.zeros((0, len(self.relation.labels)))
        answers = self.relation.predict(items)
        assert isinstance(answers, Answers)  # A method of relations answers with labels.
        return answers.probabilities
