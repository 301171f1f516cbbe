"""What makes answers of a graph's logits, one class a kind of answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from metier.evaluation.softmax import softmax
from metier.predictors.answers import AnswerBatch, Answers, RecordAnswers
from metier.predictors.span_reading import Reading, Verdict, as_answers
from metier.predictors.spans import span_answers
from metier.predictors.text.extracted_sentences import written
from metier.tasks.grading import from_conditional
from metier.tasks.questions import Question
from metier.tasks.tag_decoding import TagDecoder


class Decoder(Protocol):
    """Makes answers of logits."""

    def answer(self, logits: Any, name: str) -> AnswerBatch:
        """Answer rows in the name of a method."""
        ...

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        ...

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        ...


class TextLogits(NamedTuple):
    """The logits of the tags of one text: its units' offsets of shape (n_units, 2), and logits (n_units, n_tags)."""

    text: str
    offsets: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class LabelDecoder:
    """One label: softmax over logits divided by a temperature."""

    labels: tuple[str, ...]
    temperature: float = 1.0

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Give probabilities of shape (n_rows, n_labels)."""
        return softmax(logits / self.temperature) if len(logits) else logits

    def answer(self, logits: np.ndarray, name: str) -> Answers:
        """Answer rows in the name of a method."""
        return Answers(self.probabilities(logits), self.labels, (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {"labels": list(self.labels), "temperature": float(self.temperature)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(tuple(settings["labels"]), settings["temperature"])


class GradeDecoder(LabelDecoder):
    """Grades by the logits of being above one if not below it."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Give probabilities of shape (n_rows, n_grades)."""
        return from_conditional(logits / self.temperature)


@dataclass(frozen=True)
class SpanDecoder:
    """Spans by the likeliest legal tags."""

    tags: TagDecoder

    def answer(self, logits: Iterable[TextLogits], name: str) -> RecordAnswers:
        """Answer rows in the name of a method."""
        texts, found = [], []
        for text, offsets, values in logits:
            texts.append(text)
            found.append(self.tags.spans(values, offsets))
        return span_answers(texts, found, name=name)

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {"labels": list(self.tags.labels), **self.tags.settings}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(TagDecoder.of(settings))


@dataclass(frozen=True)
class SpanChoice:
    """The best span of a passage, or no answer."""

    verdict: Verdict = field(default_factory=Verdict)

    def answer(self, logits: Sequence[tuple[Question, Reading]], name: str) -> RecordAnswers:
        """Answer rows in the name of a method."""
        readings = [reading for _, reading in logits]
        return as_answers(readings, [question for question, _ in logits], self.verdict, name=name)

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {"labels": [], "verdict": asdict(self.verdict)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls(Verdict.of(settings["verdict"]))


class TextDecoder:
    """Texts as they were written."""

    def answer(self, texts: Sequence[str], name: str) -> RecordAnswers:
        """Answer rows in the name of a method."""
        return written(texts, name)

    def settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps."""
        return {"labels": []}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls()
