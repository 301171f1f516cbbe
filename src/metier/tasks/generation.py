"""Text generation: a summary, a translation, the reply in a conversation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.written_text import WRITTEN_TEXT, Target
from metier.tasks.examples import Examples
from metier.tasks.inputs.conversation import CONVERSATION, Item, as_items, last_words
from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.text import TEXT
from metier.tasks.task import PlainTask, TaskRecord
from metier.text.language import detect_language

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

__all__ = [
    "CANDIDATES",
    "KINDS",
    "Generation",
    "Item",
    "Target",
    "TextPairs",
    "as_items",
    "check_texts",
    "infer_kind",
    "last_words",
]

NAME = "generation"
KINDS = ("summary", "translation", "reply")
METRICS = ("rouge_1", "rouge_2", "rouge_l", "bleu", "chrf", "distinct_2", "length_ratio")
# What most papers on such texts compare by.
PRIMARY_METRIC = {"summary": "rouge_l", "translation": "chrf", "reply": "rouge_l"}
# The methods that are compared by default: a baseline for each kind of text first.
CANDIDATES = {
    "summary": ("lead.v1", "textrank.v1", "sentence_ranker.v1", "generator.v1"),
    "translation": ("nearest_reply.v1", "dictionary_translation.v1", "generator.v1"),
    "reply": ("nearest_reply.v1", "generator.v1"),
}
# A target of less than this share of its text's length condenses it.
SUMMARY_FRACTION = 0.5
# Below this a text has nothing that could be condensed: a short question with a shorter answer.
SHORTEST_SUMMARISED = 150

# A column of lists of texts, each as right as the target.
REFERENCES = "references"


@dataclass(frozen=True)
class Generation(PlainTask):
    """The task of writing a text.

    Parameters
    ----------
    kind : {"summary", "translation", "reply"}
        It picks the instruction, the metric that candidates are ranked by, and what happens to long texts.
    why : str
        The evidence in the rows, for the line that is printed.
    language : str
        Of the targets: `zh`, `en` or `other`.
    is_dialogue : bool
        Whether an item is a conversation.
    """

    kind: str
    why: str
    language: str = "en"
    is_dialogue: bool = False

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "text generation"
    answer: ClassVar[AnswerKind] = WRITTEN_TEXT
    labels: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = METRICS

    @property
    def primary_metric(self) -> str:
        """What candidates are ranked by: ROUGE-L, or chrF for translations."""
        return PRIMARY_METRIC[self.kind]

    @property
    def candidates(self) -> tuple[str, ...]:
        """The methods that are compared by default for this kind of text."""
        return CANDIDATES[self.kind]

    @property
    def input(self) -> InputKind:
        """The form of its questions: texts, or conversations."""
        return CONVERSATION if self.is_dialogue else TEXT

    def items(self, rows: "Rows") -> Sequence[Item]:
        """Give the texts, or the conversations as `{"messages": [...]}`."""
        return CONVERSATION.from_rows(rows)

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Infer from training rows what kind of text is wanted.

        Raises
        ------
        DataError
            If a row has no target, or its conversation cannot be answered.
        """
        targets = _targets(rows)
        found = cls.from_texts(check_texts(CONVERSATION.from_rows(rows), targets, origin=rows.origin))
        if all(isinstance(target, str) for target in targets):
            return found
        return replace(found, why=f"{found.why}; further references are in {REFERENCES}")

    @classmethod
    def from_texts(cls, pairs: "TextPairs") -> Self:
        """Infer the kind of text from items and targets."""
        kind, why = infer_kind(pairs)
        language = detect_language(pairs.targets).main_language
        return cls(kind, why, language, is_dialogue=pairs.is_dialogue)

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model: the first kind that is ranked by its metric."""
        kind = next(
            (kind for kind, metric in PRIMARY_METRIC.items() if metric == facts.primary_metric), "reply"
        )
        return cls(kind, "as it was trained", is_dialogue="messages" in facts.input_keys)

    def targets(self, rows: "Rows") -> list[Target]:
        """Give the text that each row should be answered with, or a list where several are right.

        Further right texts are those of a column `references`, which holds lists: what is learned is the target, and
        an answer is held against the one that it is nearest to.
        """
        return _targets(rows)

    def shown(self, target: Target) -> str:
        """Give what a row should be answered with as people read it: all right texts."""
        return target if isinstance(target, str) else " / ".join(target)

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"kind": self.kind, "why": self.why, "language": self.language}


class TextPairs(Examples):
    """What `fit` was handed, checked: items, and what answers are held against: all right texts of each."""

    @property
    def targets(self) -> list[str]:
        """What is learned: the first of the right texts of each item."""
        return WRITTEN_TEXT.training_targets(self)

    @property
    def is_dialogue(self) -> bool:
        """Whether the items are conversations."""
        return not isinstance(self.items[0], str)


def check_texts(X: Any, y: Any, *, origin: str = "these rows") -> TextPairs:
    """Check what `fit` was handed.

    Raises
    ------
    EmptyDataError
        If there are no rows.
    ValueError
        If there is not one target for each item.
    DataError
        If a row has no text to learn from, or a conversation that cannot be answered.
    """
    found = WRITTEN_TEXT.check(as_items(X, origin=origin), y, origin=origin)
    return TextPairs(found.items, found.truth)


def infer_kind(pairs: TextPairs) -> tuple[str, str]:
    """Give the kind of text that the targets are, and the evidence in the rows.

    Returns
    -------
    kind : {"summary", "translation", "reply"}
    why : str
    """
    if pairs.is_dialogue:
        return "reply", "the items are conversations"
    texts = [str(item) for item in pairs.items]
    asked, written = (detect_language(some).main_language for some in (texts, pairs.targets))
    if asked != written:
        return "translation", f"texts are {asked}, targets {written}"
    median = float(np.median([len(text) for text in texts]))
    fraction = float(
        np.median([len(target) / max(len(text), 1) for text, target in zip(texts, pairs.targets, strict=True)])
    )
    if median >= SHORTEST_SUMMARISED and fraction <= SUMMARY_FRACTION:
        return "summary", f"targets have {fraction:.0%} of the length of their texts"
    return "reply", "texts are short and in the language of their targets"


def _targets(rows: "Rows") -> list[Target]:
    targets = [str(target) for target in rows.values("target")]
    if REFERENCES not in rows.table.column_names:
        return list(targets)
    listed = map(_as_texts, rows.table.column(REFERENCES).to_pylist())
    several = (list(dict.fromkeys([target, *further])) for target, further in zip(targets, listed, strict=True))
    return [texts if len(texts) > 1 else texts[0] for texts in several]


def _as_texts(value: Any) -> list[str]:
    """The texts of a cell: a list, or the JSON of one; none where it is something else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return []
    return [text for text in value if isinstance(text, str) and text.strip()] if isinstance(value, list) else []
