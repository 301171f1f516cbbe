"""Methods on a frozen base that are told their task: one method, whatever the answers are.

What differs between tasks stands in a `Way`: what is read, what is answered, how its head is fitted, and what kind of
predictor it leaves. A text has a vector; of a pair it is what the vectors of its texts agree in; of a relation it is
the vector of the phrase between its entities. Tags stand on the states of tokens, see `token_tags`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from metier.bases.embedding import embed
from metier.errors import SettingsError
from metier.export.graph_export import export_graph, keep_report, sample_of
from metier.export.precision_choice import EquivalenceCheck
from metier.features.relation_phrases import relation_phrases
from metier.progress import Listener, ignore
from metier.tasks.answers import GRADE, LABEL, LABEL_SET, RELATION, SCORE, SPANS, AnswerKind, Decodable
from metier.tasks.answers.scored_spans import ScoredSpan
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import MARKED_TEXT, PAIR, TEXT, TEXT_OR_PAIR, InputKind
from metier.tasks.task_table import TASKS
from metier.training.heads.frozen_heads import LABEL_HEAD, LABEL_SET_HEAD, SCORE_HEAD, FrozenHead
from metier.transformer.frozen.frozen_method import FrozenMethod
from metier.transformer.frozen.token_tags import TokenReader


@dataclass(frozen=True)
class Way:
    """How a task is done on a frozen base.

    Parameters
    ----------
    input : InputKind
    answer : Decodable
    head : FrozenHead
        Not used where answers are spans.
    kind : str
        Of the predictor, a row of `GRAPH_KINDS`; empty where the head says it.
    of : AnswerKind
        Of the tasks that are done so, with this input.
    """

    input: InputKind
    answer: Decodable
    head: FrozenHead
    kind: str
    of: AnswerKind


OF_TEXTS = Way(TEXT, LABEL, LABEL_HEAD, "onnx_encoder.v1", LABEL)
OF_GRADES = Way(TEXT, LABEL, LABEL_HEAD, "onnx_encoder.v1", GRADE)
OF_PAIRS = Way(PAIR, LABEL, LABEL_HEAD, "onnx_bi_encoder.v1", LABEL)
OF_RELATIONS = Way(MARKED_TEXT, RELATION, LABEL_HEAD, "onnx_phrases.v1", RELATION)
OF_LABEL_SETS = Way(TEXT, LABEL_SET, LABEL_SET_HEAD, "onnx_many_labels.v1", LABEL_SET)
OF_SCORES = Way(TEXT_OR_PAIR, SCORE, SCORE_HEAD, "onnx_scorer.v1", SCORE)
OF_TAGS = Way(TEXT, SPANS, LABEL_HEAD, "", SPANS)


def by_task(*ways: Way) -> Mapping[str, Way]:
    """Give the way of each task that one of them does, as the table of tasks states its kinds."""
    found = {
        task: way
        for task, row in TASKS.items()
        for way in ways
        if (way.input.name, way.of.name) == (row.asks, row.answer)
    }
    return MappingProxyType(found)


class OfTask(FrozenMethod, Classifier):
    """A method on a frozen base whose setting `task` says what it answers.

    Parameters
    ----------
    ways : mapping of str to Way
        By the task.
    refused : mapping of str to str
        Why it does not do a task, in a clause; by the kind of the task's answers.
    """

    ways: ClassVar[Mapping[str, Way]]
    refused: ClassVar[Mapping[str, str]]
    unit_length: ClassVar[bool] = False
    task: str
    classes_: np.ndarray
    head_: Any
    reader_: TokenReader  # Where answers are spans.

    @property
    def way(self) -> Way:
        """How its task is done; that of classification where it does not do its task, which `fit` refuses."""
        return self.ways.get(self.task, OF_TEXTS)

    @property
    def input(self) -> InputKind:  # type: ignore[override]
        """What it reads."""
        return self.way.input

    @property
    def answer(self) -> Decodable:  # type: ignore[override]
        """What it answers."""
        return self.way.answer

    @property
    def head(self) -> FrozenHead:  # type: ignore[override]
        """How its head is fitted."""
        return self.way.head

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Kind of the predictor that it leaves."""
        return self.way.kind

    @property
    def finds_spans(self) -> bool:
        """Whether its answers are spans, on the states of tokens."""
        return self.answer.name == SPANS.name

    @property
    def of_sets(self) -> bool:
        """Whether its answers are sets of labels."""
        return self.answer.name == LABEL_SET.name

    @classmethod
    def task_faults(cls, task: str) -> list[str]:
        """Say why a task cannot be done, in a sentence."""
        if task in cls.ways:
            return []
        row, known = TASKS.get(task), ", ".join(cls.ways)
        why = cls.refused.get("" if row is None else row.answer, "it does not know how")
        return [f"task is {task!r}, which {cls.name} does not do: {why}; expected one of {known}"]

    def predict(self, X: Any) -> Any:
        """Give the answer to each item: a label, a set of labels, a number, or spans."""
        check_is_fitted(self)
        items = self.input.read(X)
        if self.answer.is_one_label:
            return np.asarray(self.classes_[self._probabilities(items).argmax(axis=1)])
        return self._answer(items).predicted

    @available_if(lambda self: self.answer.has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label for each item, an ndarray of float64 of shape (n_items, n_labels)."""
        check_is_fitted(self)
        return self._probabilities(self.input.read(X))

    @available_if(lambda self: self.finds_spans)  # type: ignore[untyped-decorator]
    def predict_spans(self, X: Any) -> list[list[ScoredSpan]]:
        """Give the spans of each text with their probabilities."""
        check_is_fitted(self)
        decoder: Any = self.head_.decoder
        return [decoder.spans(one.logits, one.offsets) for one in self._logits(self.input.read(X))]

    def _logits(self, items: Sequence[Any]) -> Any:
        if self.finds_spans:
            return self.head_.logits(self.reader_.read(items))
        return super()._logits(items)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.graph_predictor` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        if not self.finds_spans:
            super().export(folder)
            return
        check = None if self._held is None else EquivalenceCheck.of(self.answer, self._held)
        report = export_graph(
            self.head_.exported(self.reader_, self.name),
            folder,
            check=check,
            sample=sample_of(self.base_, self._sample),
            precision=self.precision,
            typical=self._typical,
        )
        keep_report(self, report)

    def _check_task(self) -> None:
        faults = self.task_faults(self.task)
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")

    def _as_texts(self, items: Sequence[Any]) -> Sequence[str]:
        """Give what of items has a vector of its own, where an item has one."""
        return relation_phrases(items) if self.input is MARKED_TEXT else items

    def _features(self, items: Sequence[Any], listener: Listener = ignore) -> np.ndarray:
        if self.input is MARKED_TEXT:
            return embed(self.base_, relation_phrases(items), listener=listener)
        return super()._features(items, listener)

    def _keep(self, examples: Examples, held: Examples | None) -> None:
        super()._keep(examples, held)
        self._sample = list(self.input.texts(self._typical))
        if self.input is MARKED_TEXT:
            self._sample = relation_phrases(self._typical)
