"""Spans of a text, each with a label and a probability."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from metier.errors import BadSpanError, TooFewLabelsError, UnknownLabelError
from metier.evaluation.entity_measures import entity_f1, per_type
from metier.figures import count_of
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.asked_texts import SPAN_ASKING
from metier.tasks.answers.asking import Asking
from metier.tasks.answers.bio import OUTSIDE, Span, best_tags, runs_of_tags
from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words
from metier.tasks.answers.label import ON_WEIGHTS_AND_WORDS
from metier.tasks.answers.scored_spans import (
    UNCALIBRATED,
    Run,
    ScoredSpan,
    SpanCalibration,
    calibrate,
    choose_bias,
    span_answers,
    targets_of,
)
from metier.tasks.answers.soft_spans import (
    SoftSpan,
    TextLogits,
    blend_spans,
    certainty_of_spans,
    check_soft_spans,
    soft_spans,
)
from metier.tasks.examples import Examples
from metier.tasks.folds import Seed

SHOWN_FAULTS = 5
# Rare labels are found late: at a bias of 0 the early epochs of a small data set would all score 0.
SCORED_BIASES = (0.0, -1.0, -2.0)


@dataclass(frozen=True)
class SpanDecoder:
    """The most probable legal tags of a text, as spans.

    Parameters
    ----------
    labels : tuple of str
    outside_bias : float
        Added to the logit of O: below 0 finds more spans, with more of them wrong.
    calibration : SpanCalibration
    """

    labels: tuple[str, ...]
    outside_bias: float = 0.0
    calibration: SpanCalibration = UNCALIBRATED

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(
            tuple(settings["labels"]), settings["outside_bias"], SpanCalibration(**settings["calibration"])
        )

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {
            "labels": list(self.labels),
            "outside_bias": self.outside_bias,
            "calibration": asdict(self.calibration),
        }

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose: `outside_bias`, and `calibration` as slope and intercept."""
        calibration = (self.calibration.slope, self.calibration.intercept)
        return {"outside_bias": self.outside_bias, "calibration": calibration}

    def answer(self, logits: Iterable[TextLogits], name: str) -> RecordAnswers:
        """Answer texts in the name of a method; they are gone through once, so that logits need not be kept."""
        texts: list[str] = []
        found: list[list[ScoredSpan]] = []
        for text, offsets, values in logits:
            texts.append(text)
            found.append(self.spans(values, offsets))
        return span_answers(texts, found, name=name)

    def spans(self, logits: np.ndarray, offsets: np.ndarray) -> list[ScoredSpan]:
        """Give the spans of one text, in order.

        Parameters
        ----------
        logits : ndarray of shape (n_tokens, n_tags)
            Tags as `bio` numbers them.
        offsets : ndarray of int of shape (n_tokens, 2)
        """
        return [
            ScoredSpan(
                int(offsets[first, 0]),
                int(offsets[stop - 1, 1]),
                self.labels[label],
                self.calibration.probability(evidence),
            )
            for first, stop, label, evidence in self.runs(logits)
        ]

    def runs(self, logits: np.ndarray) -> list[Run]:
        """Give (first token, token after the last, label number, evidence) of each span.

        The evidence is the logarithm of the probability that each token has the tag it was given, and the one
        after the span does not go on with it, as if tokens did not depend on one another; the calibration
        corrects what that misses.
        """
        logits = np.asarray(logits, dtype=np.float64).copy()
        logits[:, OUTSIDE] += self.outside_bias
        tags = best_tags(logits)
        runs = runs_of_tags(tags)
        if not runs:
            return []
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        logs = np.log(np.maximum(probabilities, 1e-12))
        return [(*run, self._evidence(run, tags, probabilities, logs)) for run in runs]

    def _evidence(
        self, run: tuple[int, int, int], tags: np.ndarray, probabilities: np.ndarray, logs: np.ndarray
    ) -> float:
        first, stop, label = run
        evidence = logs[np.arange(first, stop), tags[first:stop]].sum()
        if stop < len(tags):
            evidence += np.log(max(1 - probabilities[stop, 2 + 2 * label], 1e-12))
        return float(evidence)


SPAN_COLUMNS = {
    "spans": {"start": "int32", "end": "int32", "label": "string", "text": "string", "probability": "double"}
}


@dataclass(frozen=True)
class Spans(AnswerKind):
    """Spans of each text; the truth is a list of [start, end, label] a row, in order, without overlap."""

    name: ClassVar[str] = "spans"
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy", "focal")
    terms: ClassVar[tuple[str, ...]] = ("r_drop", *ON_WEIGHTS_AND_WORDS)
    ensembles: ClassVar[tuple[str, ...]] = ("vote.v1",)
    chooses: ClassVar[tuple[str, ...]] = ("outside_bias", "calibration")
    role: ClassVar[str | None] = "spans"
    lines_show_question: ClassVar[bool] = True
    keeps_words: ClassVar[bool] = True
    marks_text: ClassVar[bool] = True
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"few_shot": "The name of a label is no text with a place to mark, so it is no row to learn from."}
    )
    words: ClassVar[Words] = Words(
        "token-classification", "Marks the parts of {item} that are one of {n} types."
    )
    record: ClassVar[RecordFields] = {"spans": (list[dict[str, Any]], "Where parts of the text are marked.")}
    nested_columns: ClassVar[Mapping[str, Mapping[str, str]]] = SPAN_COLUMNS
    asking: ClassVar[Asking | None] = SPAN_ASKING

    def check(self, items: Sequence[str], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the spans of texts, in order.

        Parameters
        ----------
        y : sequence of lists of [start, end, label]
            One list a text.

        Raises
        ------
        ValueError
            If there is not one list for each text.
        BadSpanError
            If a span is not a span of its text, or two of a text overlap.
        TooFewLabelsError
            If no text has a span.
        UnknownLabelError
            If a validation row has a label that the training rows do not have.
        """
        if y is None or len(y) != len(items):
            found = "none" if y is None else f"{len(y)}"
            raise ValueError(
                f"Expected one list of spans for each of {len(items)} texts, found {found}. "
                "Give [] where a text has none."
            )
        spans = check_spans(items, y)
        if known is None:
            return Examples(items, spans, np.array(span_labels(spans)))
        labels = known.labels
        unknown = Counter(label for row in spans for _, _, label in row if label not in labels)
        if unknown:
            shown = ", ".join(
                f"{label!r} ({count_of(count, 'span')})" for label, count in unknown.most_common(SHOWN_FAULTS)
            )
            raise UnknownLabelError(
                f"The validation rows use {count_of(len(unknown), 'label')} that the training rows do not have: {shown}. "
                "Add training rows with these labels, or correct the spelling."
            )
        return Examples(items, spans, labels)

    def held_out(self, examples: Examples, *, random_state: Seed) -> tuple[Examples, Examples] | None:
        """Give examples to learn from and to choose on; None where what is kept would not show every label."""
        split = super().held_out(examples, random_state=random_state)
        if split is None or {label for row in split[0].truth for _, _, label in row} != set(examples.labels):
            return None
        return split

    def strata(self, examples: Examples) -> np.ndarray:
        """Give whether each text has spans."""
        return np.array([len(spans) > 0 for spans in examples.truth], dtype=np.int64)

    def n_logits(self, examples: Examples) -> int:
        """Give one logit a tag: two a label, and one for being outside."""
        return 1 + 2 * len(examples.labels)

    def training_targets(self, examples: Examples) -> list[list[Span]]:
        """Give the spans; where tokens stand turns them into tags (`bio.tags_of_spans`)."""
        return list(examples.truth)

    def decoder(
        self,
        examples: Examples,
        *,
        outside_bias: float | None = None,
        calibration: Sequence[float] | None = None,
        **given: Any,
    ) -> SpanDecoder:
        """Give the decoder of a bias and a calibration; None leaves the logits as they are."""
        line = UNCALIBRATED if calibration is None else SpanCalibration(*calibration)
        return SpanDecoder(tuple(map(str, examples.labels)), outside_bias or 0.0, line)

    def fit_decoder(
        self,
        logits: Sequence[TextLogits],
        examples: Examples,
        *,
        outside_bias: float | None = None,
        calibration: Sequence[float] | None = None,
        **given: Any,
    ) -> SpanDecoder:
        """Choose on held-out texts the bias of O, then fit the probabilities of the spans that come out."""
        if outside_bias is None:
            outside_bias = choose_bias(examples.truth, lambda bias: self._found(logits, examples, bias))
        if calibration is not None:
            return self.decoder(examples, outside_bias=outside_bias, calibration=calibration)
        decoder = self.decoder(examples, outside_bias=outside_bias)
        runs = [decoder.runs(one.logits) for one in logits]
        offsets = [one.offsets for one in logits]
        line = calibrate(examples.truth, offsets, runs, decoder.labels)
        return SpanDecoder(decoder.labels, outside_bias, line)

    def read_decoder(self, settings: Mapping[str, Any]) -> SpanDecoder:
        """Read a decoder from `predictor.json`."""
        return SpanDecoder.of(settings)

    def score(self, logits: Sequence[TextLogits], examples: Examples) -> dict[str, float]:
        """Compare by F1 of spans, at the best of a few biases."""
        f1 = max(entity_f1(examples.truth, self._found(logits, examples, bias)) for bias in SCORED_BIASES)
        error = float(np.sqrt(f1 * (1 - f1) / max(sum(map(len, examples.truth)), 1)))
        return {"entity_f1": f1, "score": f1, "score_error": error}

    def certainty(self, answers: Any) -> np.ndarray:
        """Give the probability of the least sure span of each text."""
        return certainty_of_spans(answers.records)

    def sort_of(self, target: Any) -> tuple[str, ...]:
        """Give the labels of the spans of a text."""
        return tuple(sorted({label for _, _, label in target}))

    def soft_targets(self, answers: Any, labels: Sequence[str]) -> list[Any]:
        """Give [start, end, label, probability] of each span."""
        return soft_spans(answers.records)

    def check_soft(self, soft: Any, examples: Examples) -> list[list[SoftSpan]]:
        """Give the spans of each text with their probabilities."""
        return check_soft_spans(soft, examples)

    def blended(self, examples: Examples, soft: Sequence[Any], *, share: float) -> list[Any]:
        """Give the spans of both, each as much as it is believed."""
        return [blend_spans(own, other, share=share) for own, other in zip(examples.truth, soft, strict=True)]

    def row_labels(self, value: Any) -> list[str]:
        """Give the label of each span of a row."""
        return [span["label"] for span in value or ()]

    def read_answer(self, value: Any) -> list[Span]:
        """Give the spans of a list of `[start, end, label]`, or of mappings with these keys; nothing is none."""
        try:
            return sorted(map(_read_span, value or ()))
        except (KeyError, TypeError, ValueError):
            raise ValueError("it is no list of spans [start, end, label]") from None

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give each span and its label."""
        return "; ".join(f"{span['text']} = {span['label']}" for span in record["spans"]) or "nothing marked"

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give the text twice: with its true spans, and with those that were found."""
        return [Line("truth", row["item"], row["target"]), Line("answered", row["item"], row["predicted"])]

    def by_type(self, targets: Sequence[Any], predicted: Sequence[Any]) -> list[dict[str, Any]]:
        """Give precision, recall and F1 of the spans of each label."""
        return per_type(targets, predicted)

    def _found(self, logits: Sequence[TextLogits], examples: Examples, bias: float) -> list[list[Span]]:
        decoder = self.decoder(examples, outside_bias=bias)
        return [targets_of(decoder.spans(one.logits, one.offsets)) for one in logits]


def _read_span(value: Any) -> Span:
    start, end, label = (value["start"], value["end"], value["label"]) if isinstance(value, Mapping) else value
    if isinstance(start, bool) or int(start) != start or int(end) != end or not isinstance(label, str):
        raise ValueError("no span")
    return [int(start), int(end), label]


SPANS = Spans()


def check_spans(
    texts: Sequence[str], targets: Sequence[Any], *, origin: str = "these rows"
) -> list[list[Span]]:
    """Give the spans of each text in order, as lists of plain ints and str.

    Raises
    ------
    BadSpanError
        If a span is not a [start, end, label], empty, outside its text, or overlaps another; with the rows.
    """
    checked, faults = [], []
    for row, (text, spans) in enumerate(zip(texts, targets, strict=True), start=1):
        try:
            in_order = sorted(([int(start), int(end), str(label)] for start, end, label in spans), key=_edges)
        except (TypeError, ValueError):
            faults.append(f"row {row}: {spans!r:.80} is not a list of [start, end, label]")
            continue
        fault = _fault(text, in_order)
        if fault:
            faults.append(f"row {row}: {fault}")
        checked.append(in_order)
    if faults:
        raise BadSpanError(faults[:SHOWN_FAULTS], n_rows=len(faults), n_all=len(targets), origin=origin)
    return checked


def _edges(span: Span) -> tuple[int, int]:
    return span[0], span[1]


def _fault(text: str, spans: Sequence[Span]) -> str | None:
    before: Span | None = None
    for span in spans:
        start, end, _ = span
        if start >= end:
            return f"{span} is empty"
        if start < 0 or end > len(text):
            return f"{span} is outside the text, which has {len(text)} characters"
        if before is not None and start < before[1]:
            return f"{span} overlaps {before}"
        before = span
    return None


def span_labels(spans: Sequence[Sequence[Span]], *, origin: str = "these rows") -> tuple[str, ...]:
    """Give the labels of the spans of rows, sorted; raises `TooFewLabelsError` where there is no span."""
    labels = {label for row in spans for _, _, label in row}
    if not labels:
        raise TooFewLabelsError(
            f"None of the {len(spans)} rows of {origin} has a span, so there is nothing to find. "
            "Check the column of spans (--role spans=COLUMN), or add rows that have some."
        )
    return tuple(sorted(labels))
