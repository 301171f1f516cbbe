"""Zero-shot answers: a text gets the label whose description is nearest, and so do pairs, relations and parts of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from metier.bases.embedding import embed
from metier.errors import SettingsError, TooFewLabelsError
from metier.evaluation.relation_measures import find_negative_label
from metier.features.relation_phrases import named
from metier.features.span_labels import SpanLabels, candidate_parts, part_vectors
from metier.progress import Listener, ignore
from metier.tasks.answers import PASSAGE_ANSWER, RANKING, SCORE, SPANS, WRITTEN_TEXT
from metier.tasks.answers.grade_order import order_of
from metier.tasks.examples import Examples
from metier.tasks.inputs import MARKED_TEXT, PAIR
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.tasks.text_pair import find_match_label
from metier.training.heads.frozen_heads import FittedHead
from metier.transformer.frozen.descriptions import (
    check_names_say_something,
    describe,
    directions,
    read_descriptions,
    verbalised,
)
from metier.transformer.frozen.frozen_settings import ZeroShotSettings
from metier.transformer.frozen.of_task import (
    OF_GRADES,
    OF_LABEL_SETS,
    OF_PAIRS,
    OF_RELATIONS,
    OF_TAGS,
    OF_TEXTS,
    OfTask,
    by_task,
)
from metier.transformer.frozen.token_tags import DescribedTags, StatesOfText, TokenReader

# Of similarities between -1 and 1, where no labelled row says how far they can be trusted.
UNCALIBRATED_TEMPERATURE = 0.05
# The mean of fewer texts says more about them than about texts.
FEWEST_FOR_CENTRE = 20
MOST_FOR_CENTRE = 4_000
NAMED_PAIRS = 32  # Pairs of entities that each relation is said of.
# A label of a set, or of a part of a text, is a find where it has so many standard deviations more than is usual.
SET_MARGIN, PART_MARGIN = 1.0, 1.5
NEIGHBOUR_WEIGHT = 0.5  # Of the grades beside a grade, in its direction.
HISTOGRAM_BINS = 64
WAYS = by_task(OF_TEXTS, OF_GRADES, OF_LABEL_SETS, OF_PAIRS, OF_RELATIONS, OF_TAGS)
ASK = "there are no labels to describe; ask a model that writes (endpoint.v1, prompted.v1)"
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        SCORE.name: "a number has no name that could be described, and no unit without a row that states one; label some "
        "rows for frozen_ridge.v1",
        PASSAGE_ANSWER.name: ASK,
        WRITTEN_TEXT.name: ASK,
        RANKING.name: "frozen_search.v1 searches without a labelled row already",
    }
)


@with_settings(ZeroShotSettings)
class ZeroShot(OfTask):
    """Similarity of the embedding of a text to those of the label descriptions; it does not learn from labelled rows.

    For the start, when there are label names but no labelled rows, and to see what labelling gains. With ten labelled
    rows per label `FewShot` is far better. Embeddings of one base lie in a narrow cone, where one label would be
    the nearest of too many texts: so the mean of the texts, and of the descriptions, is subtracted first (Mu and
    Viswanath, "All-but-the-top", 2018, arXiv:1702.01417).

    Of a set each label is asked for by itself, and is answered where a text has more of it than is usual. A grade shares
    the direction of its neighbours. Pairs match where their similarity lies above the valley between the two heaps that
    similarities make (Otsu, 1979). A relation is described by what it would say of the entities of some rows; tags are
    those of parts of a text (`features.span_labels`) whose tokens are nearest to a description.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        `is_calibrated`, `described` (the text each label was described by), and `undescribed` labels where
        descriptions were given.
    """

    name = "zero_shot.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FROZEN, needs_base=True, tasks=tuple(WAYS)
    )
    ways, refused = WAYS, REFUSED

    def fit(
        self, X: Any, y: Any = None, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the descriptions; of the rows only their mean is used.

        Parameters
        ----------
        X : texts, pairs, or texts with two entities
        y : targets, optional
            Where they are there, they name the label space, and without `validation` they fit what makes answers of
            similarities: no row was learned from, so all can judge. Without them the labels are those of the
            descriptions, and probabilities are not calibrated.

        Raises
        ------
        SettingsError
            If the task cannot be done without rows, or the names of labels say nothing and none is described.
        """
        self.Settings.of(self)
        self._check_task()
        given = read_descriptions(self.descriptions)
        examples = self._examples(X, y, given)
        judged = None if y is None else examples
        if validation is not None:
            judged = self.answer.check(self.input.read(validation[0]), validation[1], known=examples)
        if self.input is not PAIR:
            check_names_say_something([str(label) for label in examples.labels], given)
        self._resolve(examples, listener)
        self.described_ = self._described(examples, given)
        if self.finds_spans:
            self._fit_tags(examples, judged, listener)
        else:
            self._fit_vectors(examples, judged, listener)
        self._keep(examples, judged)
        shown = {label: sentences[:1] for label, sentences in self.described_.items()}
        self.facts_ |= {
            "is_calibrated": self.temperature is not None or judged is not None,
            "described": shown if self.input is MARKED_TEXT else self.described_,
            "undescribed": [label for label in self.described_ if given and label not in given],
        }
        return self

    def _examples(self, X: Any, y: Any, given: Mapping[str, Sequence[str]]) -> Examples:
        """Give the rows; where they have no targets, those that are described are the label space."""
        items = self.input.read(X)
        if y is not None:
            return self.answer.check(items, y)
        fewest = 1 if self.finds_spans else 2
        if len(given) < fewest:
            raise TooFewLabelsError(
                f"Without labelled rows at least {fewest} of the labels have to be described, found {len(given)}. "
                "Describe each label: descriptions={'refund': 'The customer wants money back.', …}."
            )
        # That there is no relation need not be described: it is what none of the descriptions fits.
        further = [self.negative_label] if self.input is MARKED_TEXT and self.negative_label else []
        labels = np.array(sorted({*given, *further}))
        if self.finds_spans:
            return Examples(items, [[] for _ in items], labels)
        if self.of_sets:
            return Examples(items, np.zeros((len(items), len(labels)), dtype=bool), labels)
        return Examples(items, np.zeros(len(items), dtype=np.int64), labels)

    def _described(self, examples: Examples, given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Give the sentences of each label, as many of each where they are said of pairs of entities."""
        labels = [str(label) for label in examples.labels]
        if self.input is not MARKED_TEXT:
            return {label: describe(label, given) for label in labels}
        pairs = [named(item) for item in examples.items[:: max(1, len(examples.items) // NAMED_PAIRS)]]
        return {
            label: [each for head, tail in pairs[:NAMED_PAIRS] for each in verbalised(label, head, tail, given)]
            for label in labels
        }

    def _fit_vectors(self, examples: Examples, judged: Examples | None, listener: Listener) -> None:
        """Set the head of texts, pairs or phrases."""
        weight, bias = self._linear(examples, listener)
        neutral = self._neutral(examples, weight, bias, listener)
        self.head_ = FittedHead(weight, bias, neutral)
        given = {choice: self.get_params(deep=False)[choice] for choice in self.answer.chooses}
        if judged is not None and None in given.values():
            logits = self.head_.logits(self._features(judged.items, listener))
            self.head_ = FittedHead(weight, bias, self.answer.fit_decoder(logits, judged, **given))

    def _linear(self, examples: Examples, listener: Listener) -> tuple[np.ndarray, np.ndarray]:
        """Give weight and bias that make similarities of raw features to descriptions, both centred."""
        if self.input is PAIR:
            return self._of_cosine(examples, listener)
        weight = directions(self._means(listener))
        if self.way is OF_GRADES:
            weight = self._with_neighbours(weight, [str(label) for label in examples.labels])
        if self.input is MARKED_TEXT:
            negative = find_negative_label(list(map(str, examples.labels)), stated=self.negative_label)
            if negative is not None:  # That there is none is no direction: where no other is nearer than usual.
                weight[list(map(str, examples.labels)).index(negative)] = 0.0
        if len(examples.items) < FEWEST_FOR_CENTRE:
            return weight, np.zeros(len(weight))
        some = list(examples.items[:: max(1, len(examples.items) // MOST_FOR_CENTRE)])
        return weight, -weight @ self._features(some, listener).mean(axis=0, dtype=np.float64)

    def _means(self, listener: Listener) -> np.ndarray:
        """Give the mean vector of the sentences of each label, of shape (n_labels, size)."""
        sentences = [sentence for each in self.described_.values() for sentence in each]
        vectors = iter(embed(self.base_, sentences, listener=listener))
        return np.stack([np.mean([next(vectors) for _ in each], axis=0) for each in self.described_.values()])

    def _with_neighbours(self, weight: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Give each grade a part of the directions of the grades beside it."""
        place = {label: at for at, label in enumerate(order_of(list(labels), order=self.order))}
        places = np.array([place[label] for label in labels])
        shares = np.where(np.abs(places[:, None] - places[None]) == 1, NEIGHBOUR_WEIGHT, 0.0) + np.eye(
            len(labels)
        )
        mixed = shares @ weight
        return np.asarray(mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-9))

    def _of_cosine(self, examples: Examples, listener: Listener) -> tuple[np.ndarray, np.ndarray]:
        """Give weight and bias that make of the cosine of a pair, the last of its numbers, how far it matches."""
        labels = [str(label) for label in examples.labels]
        match = find_match_label(labels, stated=self.match_label)
        if len(labels) != 2 or match is None:
            raise SettingsError(
                [
                    f"match_label is {self.match_label!r} and the labels are {', '.join(map(repr, labels))}; expected two "
                    "labels of which one is known to mean that two texts belong together. State it with match_label, or "
                    "label some pairs for few_shot.v1"
                ],
                origin=f"The settings of {self.name}",
            )
        numbers = self._features(list(examples.items[:MOST_FOR_CENTRE]), listener)
        weight = np.zeros((2, numbers.shape[1]))
        sign = np.where(np.array(labels) == match, 0.5, -0.5)
        weight[:, -1] = sign
        return weight, -sign * _valley(numbers[:, -1])

    def _neutral(self, examples: Examples, weight: np.ndarray, bias: np.ndarray, listener: Listener) -> Any:
        """Give what makes answers of similarities where no labelled row says how."""
        given = {choice: self.get_params(deep=False)[choice] for choice in self.answer.chooses}
        if not self.of_sets:
            temperature = given["temperature"] or UNCALIBRATED_TEMPERATURE
            return self.answer.decoder(examples, temperature=temperature)
        if given["rule"] is not None:
            return self.answer.decoder(examples, **given)
        some = list(examples.items[:: max(1, len(examples.items) // MOST_FOR_CENTRE)])
        logits = self._features(some, listener) @ weight.T + bias
        slopes = 1 / np.maximum(logits.std(axis=0), 1e-3)
        offsets = -slopes * logits.mean(axis=0) - SET_MARGIN
        rows = zip(slopes.tolist(), offsets.tolist(), [0.5] * len(slopes), strict=True)
        rule = {str(label): list(row) for label, row in zip(examples.labels, rows, strict=True)}
        return self.answer.decoder(examples, rule=rule)

    def _fit_tags(self, examples: Examples, judged: Examples | None, listener: Listener) -> None:
        """Set the directions of labels among the states of tokens."""
        self.reader_ = TokenReader(self.base_)
        read = self.reader_.read(list(examples.items[:MOST_FOR_CENTRE]), listener)
        parts = _vectors_of_parts(read)
        means = _of_length_one(self._means(listener))
        # What one label alone is told from is the usual part of a text.
        weight = directions(means) if len(means) > 1 else _of_length_one(means - parts.mean(axis=0))
        usual = parts @ weight.T
        spread = float(np.median(usual.std(axis=0))) or 1.0
        bias = -usual.mean(axis=0) - PART_MARGIN * usual.std(axis=0)
        labels = SpanLabels(weight, bias, 1 / spread)
        facts = {"parts": len(parts)}
        found = DescribedTags(labels, SPANS.decoder(examples, **self.get_params(deep=False)), facts)
        given = {choice: self.get_params(deep=False)[choice] for choice in SPANS.chooses}
        if judged is not None and None in given.values() and any(judged.truth):
            same = judged is examples and len(read) == len(examples.items)
            logits = found.logits(read if same else self.reader_.read(judged.items, listener))
            found = replace(found, decoder=SPANS.fit_decoder(logits, judged, **given))
        self.head_ = found


def _vectors_of_parts(read: Sequence[StatesOfText]) -> np.ndarray:
    """Give the vectors of the parts of texts that may be named, of shape (n_parts, size)."""
    found = [(one.states, candidate_parts(one.text, one.offsets)) for one in read]
    vectors = [part_vectors(states, parts) for states, parts in found if parts]
    return np.concatenate(vectors) if vectors else np.zeros((1, read[0].states.shape[1]))


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _valley(values: np.ndarray) -> float:
    """Give the threshold between two heaps of numbers that leaves the least variance within them (Otsu, 1979)."""
    edges = np.linspace(values.min(), values.max(), HISTOGRAM_BINS + 1)[1:-1]
    best, threshold = -1.0, float(np.median(values))
    for edge in edges.tolist():
        above = values > edge
        share = float(above.mean())
        if 0 < share < 1:
            between = share * (1 - share) * (values[above].mean() - values[~above].mean()) ** 2
            if between > best:
                best, threshold = float(between), edge
    return threshold
