"""What an answer kind and its decoder are."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from metier.errors import SettingsError
from metier.figures import percentage
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.asking import Asking
from metier.tasks.examples import Examples
from metier.tasks.folds import Seed, first_split, stratified_folds


@dataclass(frozen=True)
class Words:
    """What a model card states of a form of answers.

    Parameters
    ----------
    hub_task : str
        What Hugging Face calls the task.
    gives : str
        What a model does with a question; `{n}` is the number of labels, `{item}` what it is asked about.
    always_answers : bool
        Whether it gives one of its labels also where none fits.
    """

    hub_task: str
    gives: str
    always_answers: bool = False


class Line(NamedTuple):
    """A line of a report: what it shows, its text, and spans [start, end, label] to mark in it."""

    what: str
    text: str
    spans: Sequence[Sequence[Any]] = ()


# By the name of a field of a record: its type and what it means.
RecordFields = Mapping[str, tuple[Any, str]]


class AnswerKind(Protocol):
    """A form of answers; all that is particular to it stands in its file.

    A kind inherits from it: what is given here holds unless the kind states otherwise.

    Parameters
    ----------
    name : str
        As `ANSWERS` has it.
    role : str or None
        The role of the column that holds targets.
    further_roles : tuple of str
        The roles of the columns that targets need besides.
    words : Words
        What a model card states of it.
    record : RecordFields
        What a record has besides `answered_by`.
    nested_columns : mapping of str to mapping
        Fields of a record that are lists of structures: the types of their parts, as Arrow names them.
    is_one_label : bool
        Whether each answer is one label with probabilities of all.
    losses : tuple of str
        Names of the losses that suit, the first being the default.
    lines_show_question : bool
        Whether the lines of a report hold what was asked.
    chooses : tuple of str
        Arguments of a method that validation chooses where they are None.
    asking : Asking or None
        How a model that writes is asked for it; None where it cannot be.
    terms : tuple of str
        Names of what can be put on these losses.
    ensembles : tuple of str
        Versioned names of the ensembles that suit.
    further_ensembles : tuple of str
        Of those that suit too, and are made only where they are named.
    why_not : mapping of str to str
        The ways of learning that make no sense for it, and why not, in a sentence each.
    keeps_words : bool
        Whether a text keeps its answer only while its words stay words: typing errors are allowed, no other edit.
    marks_text : bool
        Whether a row marks places of its text: one that is written anew, as by back-translation, has none of them.
    """

    name: ClassVar[str]
    losses: ClassVar[tuple[str, ...]]
    words: ClassVar[Words]
    record: ClassVar[RecordFields]
    role: ClassVar[str | None] = None
    further_roles: ClassVar[tuple[str, ...]] = ()
    nested_columns: ClassVar[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
    is_one_label: ClassVar[bool] = False
    lines_show_question: ClassVar[bool] = False
    terms: ClassVar[tuple[str, ...]] = ()
    ensembles: ClassVar[tuple[str, ...]] = ()
    further_ensembles: ClassVar[tuple[str, ...]] = ()
    chooses: ClassVar[tuple[str, ...]] = ()
    asking: ClassVar[Asking | None] = None
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType({})
    keeps_words: ClassVar[bool] = False
    marks_text: ClassVar[bool] = False

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Check what items should be answered with.

        Parameters
        ----------
        items : sequence
            As their input kind read them.
        y : sequence
            One target an item.
        known : Examples, optional
            The training rows, when these are validation rows.
        """
        ...

    def strata(self, examples: Examples) -> np.ndarray:
        """Give the stratum of each row, of which each part gets its share: int of shape (n_rows,)."""
        return np.zeros(len(examples), dtype=np.int64)

    def folds(self, examples: Examples, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions (kept, held out): one tenth held out, or each of five folds where rows are few."""
        yield from stratified_folds(self.strata(examples), random_state=random_state)

    def held_out(self, examples: Examples, *, random_state: Seed) -> tuple[Examples, Examples] | None:
        """Give the first fold as examples to learn from and to choose on; None where nothing can be held out."""
        return first_split(examples, self.folds(examples, random_state=random_state))

    def is_right(self, target: Any, predicted: Any) -> bool:
        """Whether one answer is what the row should be answered with."""
        return bool(as_lists(target) == as_lists(predicted))

    def is_correct(self, answers: Any, examples: Examples) -> np.ndarray:
        """Say which rows are answered correctly, a bool ndarray of shape (n_rows,)."""
        pairs = zip(examples.truth, answers.predicted, strict=True)
        return np.array([self.is_right(target, predicted) for target, predicted in pairs], dtype=bool)

    @property
    def has_labels(self) -> bool:
        """Whether targets hold labels: where a card counts them, they do."""
        return "{n}" in self.words.gives

    @property
    def has_probabilities(self) -> bool:
        """Whether an answer has a probability of every label."""
        return self.is_one_label

    def row_labels(self, value: Any) -> list[str]:
        """Give the labels in a cell of the column of targets: there are none."""
        return []

    def read_answer(self, value: Any) -> Any:
        """Give an answer that a file or a model from elsewhere states, as the metrics of the task take it.

        Parameters
        ----------
        value : Any
            What JSON can hold, such as a field of a record; None: there is nothing.

        Raises
        ------
        ValueError
            With a clause that says what is wrong with it.
        """
        if not isinstance(value, str | int | float | None):
            raise ValueError("it is no text")
        return "" if value is None else str(value)

    def certainty(self, answers: Any) -> np.ndarray | None:
        """Say how sure each answer is as a whole, 0 to 1, of shape (n_rows,); None: such answers have no probability."""
        return None

    def sort_of(self, target: Any) -> Hashable:
        """Give the sort of a target: of each sort some are learned where a method teaches itself."""
        return str(target)

    def as_targets(self, answers: Any) -> list[Any]:
        """Give answers as targets that can be learned: what `check` takes."""
        return list(answers.predicted)

    def soft_targets(self, answers: Any, labels: Sequence[str]) -> list[Any]:
        """Give what a teacher thinks of each row, as JSON has it: what `check_soft` takes, labels in this order."""
        return list(answers.predicted)

    def check_soft(self, soft: Any, examples: Examples) -> Any:
        """Give soft targets of checked rows in the form that is learned in the place of the truth.

        Raises
        ------
        SettingsError
            If they are not of these rows, or no distributions.
        """
        fault = f"targets that are {self.name.replace('_', ' ')}s have no soft form; leave soft out"
        raise SettingsError([fault], origin="The soft labels")

    def blended(self, examples: Examples, soft: Sequence[Any], *, share: float) -> list[Any]:
        """Give soft targets between the truth and a teacher, who has this share, 0 to 1."""
        mixed = (1 - share) * self.check_soft(self.as_soft(examples), examples) + share * self.check_soft(
            soft, examples
        )
        return list(mixed.tolist())

    def as_soft(self, examples: Examples) -> Any:
        """Give the truth in the form of soft targets."""
        return np.asarray(examples.truth, dtype=np.float64)

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give a record on one line of a terminal."""
        ...

    def ranked_lines(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Give what `--top` asks for, a line each: how sure it is, and what it is."""
        return [(percentage(chance), label) for label, chance in record.get("probabilities", {}).items()]

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give what a report shows of one answered row: the truth and the answer.

        Parameters
        ----------
        row : mapping
            `item`, `target`, `target_text`, `predicted` and `record`.
        """
        truth = row.get("target_text") or in_words(row["target"])
        return [Line("truth", truth), Line("answered", in_words(row["predicted"]))]

    def by_type(self, targets: Sequence[Any], predicted: Sequence[Any]) -> list[dict[str, Any]]:
        """Give the figures of each label: there are none."""
        return []

    def ranking_metric(self, match_label: str | None) -> str | None:
        """Give the metric of the order of probabilities: they rank nothing."""
        return None

    def ranked(
        self,
        targets: Sequence[Any],
        probabilities: np.ndarray,
        *,
        labels: Sequence[str],
        match_label: str | None,
    ) -> tuple[Any, Any]:
        """Give what that metric takes as truth and as answers."""
        return targets, probabilities


class Decoder(Protocol):
    """What makes answers of logits; numpy is all that it needs.

    Parameters
    ----------
    labels : tuple of str
        The label space; empty where answers are not labels.
    """

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space; empty where answers are not labels."""
        ...

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose, as arguments with which another fit needs none."""
        ...

    def answer(self, logits: Any, name: str) -> AnswerBatch:
        """Answer rows in the name of a method."""
        ...

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        ...

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        ...


@runtime_checkable
class Decodable(AnswerKind, Protocol):
    """A kind whose answers are decoded from the logits of a head."""

    def n_logits(self, examples: Examples) -> int:
        """Give how many logits a head needs, a row or a token."""
        ...

    def training_targets(self, examples: Examples) -> Any:
        """Give what a loss compares logits with."""
        ...

    def decoder(self, examples: Examples, **given: Any) -> Decoder:
        """Give a decoder of what was chosen before; what is None or missing stays neutral."""
        ...

    def fit_decoder(self, logits: Any, examples: Examples, **given: Any) -> Decoder:
        """Choose on held-out rows what is not given, and give the decoder."""
        ...

    def read_decoder(self, settings: Mapping[str, Any]) -> Decoder:
        """Read a decoder from `predictor.json`."""
        ...

    def score(self, logits: Any, examples: Examples) -> dict[str, float]:
        """Give what epochs and settings are compared by.

        Returns
        -------
        dict
            `score` (more is better), `score_error` (its standard error), and figures for people.
        """
        ...


def in_words(answer: Any) -> str:
    """Give a target or an answer as people read it."""
    if isinstance(answer, list):
        return ", ".join(map(str, answer)) or "none"
    return f"{answer:.4g}" if isinstance(answer, float) else str(answer)


def as_lists(answer: Any) -> Any:
    """Give an answer with lists in the place of tuples, as JSON has it."""
    return [as_lists(part) for part in answer] if isinstance(answer, list | tuple) else answer


def mean_and_error(losses: np.ndarray) -> dict[str, float]:
    """Give the score of rows' losses, more being better, and its standard error."""
    return {"score": -float(losses.mean()), "score_error": float(losses.std() / np.sqrt(len(losses)))}
