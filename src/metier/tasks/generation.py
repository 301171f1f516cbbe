"""Text generation: a summary, a translation, the reply in a conversation, free text, code, the answer to a question."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import CallError
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.written_text import WRITTEN_TEXT, Target
from metier.tasks.examples import Examples
from metier.tasks.inputs.conversation import CONVERSATION, Item, as_items, is_question, last_words
from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.question import QUESTION
from metier.tasks.inputs.text import TEXT
from metier.tasks.task import PlainTask, TaskRecord
from metier.tasks.text_kind_signs import kind_of_texts
from metier.tasks.text_kinds import TEXT_KINDS, TextKind, kind_of_metric, text_kind
from metier.text.language import detect_language

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

__all__ = [
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
ANSWER = "answer"  # The one kind that is asked about a passage.

# A column of lists of texts, each as right as the target.
REFERENCES = "references"


@dataclass(frozen=True)
class Generation(PlainTask):
    """The task of writing a text.

    Parameters
    ----------
    kind : str
        As `TEXT_KINDS` names it: it picks the instruction, the metrics, the candidates, and what happens to long texts.
    why : str
        The evidence in the rows, for the line that is printed.
    language : str
        Of the targets: `zh`, `en` or `other`.
    is_dialogue : bool
        Whether an item is a conversation.
    """

    kind: str = field()  # Over the default of a task without kinds.
    why: str = field()
    language: str = "en"
    is_dialogue: bool = False

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "text generation"
    answer: ClassVar[AnswerKind] = WRITTEN_TEXT
    labels: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[tuple[str, ...]] = tuple(TEXT_KINDS)

    @property
    def facts_of_kind(self) -> TextKind:
        """What is particular to its kind of text."""
        return text_kind(self.kind)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is reported for this kind of text."""
        return self.facts_of_kind.metrics

    @property
    def primary_metric(self) -> str:
        """What candidates are ranked by: ROUGE-L, chrF for translations and code, token F1 for answers."""
        return self.facts_of_kind.primary_metric

    @property
    def candidates(self) -> tuple[str, ...]:
        """The methods that are compared by default for this kind of text."""
        return self.facts_of_kind.candidates

    @property
    def checks(self) -> tuple[str, ...]:
        """Which claims of an answer are looked up in what was asked, as `text.claims` names them."""
        return self.facts_of_kind.checks

    @property
    def input(self) -> InputKind:
        """The form of its questions: texts, conversations, or questions with their passages."""
        if self.kind == ANSWER:
            return QUESTION
        return CONVERSATION if self.is_dialogue else TEXT

    def items(self, rows: "Rows") -> Sequence[Item]:
        """Give the texts, the conversations as `{"messages": [...]}`, or the questions with their passages."""
        return _items(rows)

    @classmethod
    def from_rows(cls, rows: "Rows", *, kind: str | None = None) -> Self:
        """Infer from training rows what kind of text is wanted, unless it is stated.

        Parameters
        ----------
        kind : str, optional
            As `TEXT_KINDS` names it.

        Raises
        ------
        DataError
            If a row has no target, or its conversation cannot be answered.
        CallError
            If the stated kind does not suit what the rows ask.
        """
        targets = _targets(rows)
        columns = (rows.roles.text, rows.roles.target or "")
        pairs = check_texts(_items(rows), targets, origin=rows.origin)
        found = cls.from_texts(pairs, columns=columns)
        if kind is not None:
            _check_suits(text_kind(kind).name, pairs)
            found = replace(found, kind=kind, why="stated")
        if all(isinstance(target, str) for target in targets):
            return found
        return replace(found, why=f"{found.why}; further references are in {REFERENCES}")

    @classmethod
    def from_texts(cls, pairs: "TextPairs", *, columns: tuple[str, str] = ("", "")) -> Self:
        """Infer the kind of text from items and targets; `columns` are the names of theirs."""
        kind, why = infer_kind(pairs, columns=columns)
        language = detect_language(pairs.targets).main_language
        return cls(kind, why, language, is_dialogue=pairs.is_dialogue)

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model; of one that does not state its kind, the first that is ranked by its metric."""
        kind = facts.kind if facts.kind in TEXT_KINDS else kind_of_metric(facts.primary_metric)
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
        return not isinstance(self.items[0], str) and not self.asks_passages

    @property
    def asks_passages(self) -> bool:
        """Whether the items are questions with their passages."""
        return is_question(self.items[0])


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


def infer_kind(pairs: TextPairs, *, columns: tuple[str, str] = ("", "")) -> tuple[str, str]:
    """Give the kind of text that the targets are, and the evidence in the rows.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns of texts and of targets, where they are known.

    Returns
    -------
    kind : str
        As `TEXT_KINDS` names it.
    why : str
    """
    if pairs.asks_passages:
        return ANSWER, "the items are questions with their passages"
    if pairs.is_dialogue:
        return "reply", "the items are conversations"
    return kind_of_texts([str(item) for item in pairs.items], pairs.targets, columns=columns)


def _items(rows: "Rows") -> Sequence[Item]:
    """Give what rows ask: a column of questions makes their texts passages."""
    return CONVERSATION.from_rows(rows) if rows.roles.question is None else QUESTION.from_rows(rows)


def _check_suits(kind: str, pairs: TextPairs) -> None:
    """Raise `CallError` where a kind that needs passages has none, or the other way round."""
    if kind == ANSWER and not pairs.asks_passages:
        raise CallError(
            "--kind answer is for questions with a passage each, and these rows have none. Name the columns with "
            "--role question=COLUMN and --text COLUMN (the passage), or leave --kind out."
        )
    if kind != ANSWER and pairs.asks_passages:
        raise CallError(
            f"--kind {kind} was given, and the rows ask questions about passages. Leave --kind out, or take the passage "
            "alone with --role question=none."
        )


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
