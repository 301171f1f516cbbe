"""Any number of a fixed set of labels, also none."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from metier import evaluation
from metier.errors import TooFewLabelsError, UnknownLabelError, WrongTypeError
from metier.evaluation.entity_measures import per_type
from metier.evaluation.label_set_measures import as_mappings
from metier.figures import count_of
from metier.tasks.answer_batches import LabelSetAnswers
from metier.tasks.answers.asking import SET_ASKING, Asking
from metier.tasks.answers.kind import AnswerKind, RecordFields, Words, mean_and_error
from metier.tasks.answers.label import ON_WEIGHTS_AND_WORDS, by_label
from metier.tasks.answers.label_hierarchy import (
    clean,
    implied_parents,
    keep_consistent,
    parent_columns,
    raise_below,
    with_parents,
)
from metier.tasks.answers.label_thresholds import tune_thresholds
from metier.tasks.examples import Examples, check_shares

SHOWN = 5


@dataclass(frozen=True)
class LabelSetDecoder:
    """A sigmoid and a threshold a label.

    Parameters
    ----------
    labels : tuple of str
    slopes, offsets : ndarray of float64 of shape (n_labels,)
        A label's probability is sigmoid(slope * logit + offset), and at most that of the label it stands under.
    thresholds : ndarray of float64 of shape (n_labels,)
        A label is answered where its probability is at least this; never below that of the label it stands under.
    """

    labels: tuple[str, ...]
    slopes: np.ndarray
    offsets: np.ndarray
    thresholds: np.ndarray

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Give the probability of each label, an ndarray of float64 of shape (n_rows, n_labels)."""
        scaled = np.asarray(logits, dtype=np.float64) * self.slopes + self.offsets
        # Beyond 40 a sigmoid is 0 or 1 to the last digit, and the power would overflow.
        return keep_consistent(1 / (1 + np.exp(-np.clip(scaled, -40, 40))), parent_columns(self.labels))

    def answer(self, logits: np.ndarray, name: str) -> LabelSetAnswers:
        """Answer rows in the name of a method."""
        return LabelSetAnswers(self.probabilities(logits), self.labels, self.thresholds, (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {
            "labels": list(self.labels),
            "slopes": self.slopes.tolist(),
            "offsets": self.offsets.tolist(),
            "thresholds": self.thresholds.tolist(),
        }

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        numbers = [np.array(settings[key], dtype=np.float64) for key in ("slopes", "offsets", "thresholds")]
        labels = tuple(settings["labels"])
        if any(len(column) != len(labels) for column in numbers):
            raise ValueError(
                f"{len(labels)} labels have {', '.join(str(len(column)) for column in numbers)} numbers"
            )
        return cls(labels, *numbers)

    @property
    def rule(self) -> dict[str, list[float]]:
        """Slope, offset and threshold of each label."""
        rows = zip(self.slopes.tolist(), self.offsets.tolist(), self.thresholds.tolist(), strict=True)
        return {label: list(row) for label, row in zip(self.labels, rows, strict=True)}

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose: `rule`."""
        return {"rule": self.rule}

    @classmethod
    def from_rule(cls, rule: Mapping[str, Sequence[float]], labels: Sequence[str]) -> Self:
        """Give the decoder of a label space by what `rule` gave; a label that is not in it gets the median."""
        median = np.median(np.array(list(rule.values())), axis=0).tolist() if rule else [1.0, 0.0, 0.5]
        rows = np.array([list(rule.get(label, median)) for label in labels], dtype=np.float64)
        thresholds = raise_below(rows[:, 2], parent_columns(labels))
        return cls(tuple(labels), rows[:, 0], rows[:, 1], thresholds)


@dataclass(frozen=True)
class LabelSet(AnswerKind):
    """A set of labels a row; the truth is an ndarray of bool of shape (n_rows, n_labels)."""

    name: ClassVar[str] = "label_set"
    asking: ClassVar[Asking | None] = SET_ASKING
    losses: ClassVar[tuple[str, ...]] = ("binary_cross_entropy", "focal")
    terms: ClassVar[tuple[str, ...]] = ("simcse", "r_drop", *ON_WEIGHTS_AND_WORDS)
    ensembles: ClassVar[tuple[str, ...]] = ("label_average.v1",)
    chooses: ClassVar[tuple[str, ...]] = ("rule",)
    role: ClassVar[str | None] = "labels"
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "few_shot": "The name of a label as a training row would say that no other label is there, which nobody knows.",
            "weak_labels": "A rule votes for a label and never against it; of labels that do not exclude one another, "
            "votes never conflict, and the accuracy of a rule cannot be estimated.",
        }
    )
    words: ClassVar[Words] = Words("text-classification", "Gives any of {n} labels to {item}, or none.")
    record: ClassVar[RecordFields] = {
        "labels": (dict[str, float], "Where the answer is a set of labels: these and their probabilities."),
        "none": (bool, "Whether the set is empty."),
    }

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the labels of items as a row of True and False each.

        Parameters
        ----------
        y : sequence of lists of labels, one list an item
            A list may be empty; parents of hierarchical labels are added.

        Raises
        ------
        ValueError
            If there is not one list for each item.
        WrongTypeError
            If an element of `y` is not a collection of labels.
        TooFewLabelsError
            If no item has a label.
        UnknownLabelError
            If a validation row has a label that the training rows do not have.
        """
        if y is None or len(y) != len(items):
            found = "none" if y is None else str(len(y))
            raise ValueError(
                f"Expected one list of labels for each of {len(items)} texts, found {found}. "
                "Give [] where a text has no label."
            )
        sets = [_as_labels(own, position) for position, own in enumerate(y)]
        space = label_space(sets) if known is None else tuple(known.labels.tolist())
        closed = [with_parents(own, space) for own in sets]
        column = {label: place for place, label in enumerate(space)}
        _refuse_unknown(closed, column)
        truth = np.zeros((len(items), len(column)), dtype=bool)
        for row, own in enumerate(closed):
            truth[row, [column[label] for label in own]] = True
        return Examples(items, truth, np.array(space))

    def sets(self, examples: Examples) -> list[list[str]]:
        """Give the labels of each row, as `check` takes them."""
        names = examples.labels.tolist()
        return [[names[column] for column in np.flatnonzero(row)] for row in examples.truth]

    def strata(self, examples: Examples) -> np.ndarray:
        """Give the rarest label of each row: what is rare is what a careless part would miss."""
        by_rarity = np.argsort(examples.truth.sum(axis=0), kind="stable")
        rarest = examples.truth[:, by_rarity].argmax(axis=1) + 1
        return np.unique(np.where(examples.truth.any(axis=1), rarest, 0), return_inverse=True)[1]

    def n_logits(self, examples: Examples) -> int:
        """Give one logit a label."""
        return len(examples.labels)

    def training_targets(self, examples: Examples) -> np.ndarray:
        """Give zeros and ones, float32 of shape (n_rows, n_labels)."""
        return np.asarray(examples.truth, dtype=np.float32)

    def decoder(
        self, examples: Examples, *, rule: Mapping[str, Sequence[float]] | None = None, **given: Any
    ) -> LabelSetDecoder:
        """Give the decoder of a rule; None: plain sigmoids, answered from 0.5 on."""
        return LabelSetDecoder.from_rule(rule or {}, examples.labels.tolist())

    def fit_decoder(
        self,
        logits: np.ndarray,
        examples: Examples,
        *,
        rule: Mapping[str, Sequence[float]] | None = None,
        **given: Any,
    ) -> LabelSetDecoder:
        """Fit sigmoids and thresholds on held-out rows, unless the rule is given."""
        if rule is not None:
            return self.decoder(examples, rule=rule)
        labels = tuple(examples.labels.tolist())
        slopes, offsets = evaluation.fit_sigmoids(logits, examples.truth)
        uncut = LabelSetDecoder(labels, slopes, offsets, np.zeros(len(slopes)))
        thresholds = tune_thresholds(
            uncut.probabilities(logits), examples.truth, parents=parent_columns(labels)
        )
        return LabelSetDecoder(labels, slopes, offsets, thresholds)

    def read_decoder(self, settings: Mapping[str, Any]) -> LabelSetDecoder:
        """Read a decoder from `predictor.json`."""
        return LabelSetDecoder.of(settings)

    def score(self, logits: np.ndarray, examples: Examples) -> dict[str, float]:
        """Compare by log-loss: F1 jumps with a few rows at a threshold."""
        logits = np.asarray(logits)
        losses = (np.logaddexp(0, logits) - examples.truth * logits).mean(axis=1)
        decoder = self.fit_decoder(logits, examples)
        return {"micro_f1": micro_f1(decoder, logits, examples.truth), **mean_and_error(losses)}

    def certainty(self, answers: Any) -> np.ndarray:
        """Give how sure the least sure decision of each row is: a set is right where every label of it is."""
        chosen = answers.probabilities >= answers.thresholds
        return np.asarray(np.where(chosen, answers.probabilities, 1 - answers.probabilities).min(axis=1))

    def soft_targets(self, answers: Any, labels: Sequence[str]) -> list[Any]:
        """Give the probability of each label by itself."""
        return by_label(answers, labels)

    def check_soft(self, soft: Any, examples: Examples) -> np.ndarray:
        """Give probabilities of labels, each 0 to 1 by itself, of shape (n_rows, n_labels)."""
        return check_shares(soft, shape=(len(examples), len(examples.labels)))

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows have every label of theirs and no other."""
        answered = answers.probabilities >= answers.thresholds
        return np.asarray((answered == examples.truth).all(axis=1))

    @property
    def has_probabilities(self) -> bool:
        """Whether an answer has a probability of every label: of each by itself."""
        return True

    def row_labels(self, value: Any) -> list[str]:
        """Give the labels of a row."""
        return list(value or ())

    def read_answer(self, value: Any) -> list[str]:
        """Give the labels of a list, of the keys of a mapping, or the one of a text; nothing is the empty set."""
        if value is None or isinstance(value, str):
            return clean([value or ""])
        if not isinstance(value, Mapping | list | tuple | set | frozenset):
            raise ValueError("it is neither a list of labels nor a label")
        return clean(map(str, value))

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the labels."""
        return ", ".join(record["labels"]) or "none"

    def by_type(self, targets: Sequence[Any], predicted: Sequence[Any]) -> list[dict[str, Any]]:
        """Give precision, recall and F1 of each label, which is a span without a place."""
        truth, answers = ([[[0, 0, label] for label in own] for own in rows] for rows in (targets, predicted))
        return per_type(truth, answers)

    def ranking_metric(self, match_label: str | None) -> str | None:
        """Give the metric of the order in which the labels of a row stand."""
        return "label_ranking_precision"

    def ranked(
        self,
        targets: Sequence[Any],
        probabilities: np.ndarray,
        *,
        labels: Sequence[str],
        match_label: str | None,
    ) -> tuple[Sequence[Any], Any]:
        """Give the labels of each row, and the probabilities of all."""
        return targets, as_mappings(probabilities, labels)


LABEL_SET = LabelSet()


def micro_f1(decoder: LabelSetDecoder, logits: np.ndarray, truth: np.ndarray) -> float:
    """F1 over all rows and labels together, 0 to 1, of the sets that a decoder makes of logits."""
    answered = decoder.probabilities(logits) >= decoder.thresholds
    found = int((answered & truth).sum())
    both = int(answered.sum() + truth.sum())
    return 2 * found / both if both else 1.0


def label_space(sets: Sequence[Iterable[str]], *, origin: str = "these rows") -> tuple[str, ...]:
    """Give the labels of some sets, sorted, implied parents included.

    Raises
    ------
    TooFewLabelsError
        If no row has a label, or every row has all of them: nothing would be distinguished.
    """
    counts = Counter(label for own in sets for label in set(own))
    if not counts or min(counts.values()) == len(sets):
        found = "none of them has a label" if not counts else "each has all the labels there are"
        raise TooFewLabelsError(
            f"Multi-label classification needs rows with and rows without a label, but of the {len(sets)} "
            f"rows of {origin} {found}. Check the column of labels (--role labels=COLUMN), or add other "
            "rows."
        )
    return tuple(sorted({*counts, *implied_parents(counts)}))


def _as_labels(own: Any, position: int) -> list[str]:
    if isinstance(own, str | Mapping) or not isinstance(own, Iterable):
        raise WrongTypeError(
            f"Expected a list of labels at position {position}, found {type(own).__name__}. "
            "Give one list a text, [] where it has no label."
        )
    return clean(str(label) for label in own)


def _refuse_unknown(sets: Sequence[Sequence[str]], known: Mapping[str, int]) -> None:
    unknown = Counter(label for own in sets for label in own if label not in known)
    if unknown:
        shown = ", ".join(f"{label!r} ({count_of(rows, 'row')})" for label, rows in unknown.most_common(SHOWN))
        raise UnknownLabelError(
            f"The validation rows use {count_of(len(unknown), 'label')} that the training rows do not have: {shown}. "
            "Add training rows with these labels, or correct the spelling."
        )
