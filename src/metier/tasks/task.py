"""The contract of a task and of a predictor that streams, and the defaults of a task."""

import inspect
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from metier.tasks.answers.kind import AnswerKind
from metier.tasks.inputs import TEXT, InputKind, input_of

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows
    from metier.tasks.collection import Collection


class Task(Protocol):
    """What is to be predicted.

    An item is what a method is asked about, a target what it should answer. Both are values that JSON can hold, so
    that files, HTTP and Python see the same.

    Parameters
    ----------
    name : str
        As `--task` takes it.
    input : InputKind
        The form of its questions.
    answer : AnswerKind
        The form of its answers.
    labels : tuple of str
        The label space; empty where answers are not labels.
    primary_metric : str
        What candidates are ranked by; one of `metrics`.
    metrics : tuple of str
        Names in the tables of `evaluation`, all of them reported.
    is_ordered : bool
        Whether labels have an order, and metrics take their places in it.
    negative_label : str or None
        The label that metrics leave out, since it means that there is nothing.
    match_label : str or None
        The label that means that two texts belong together.
    collection : Collection or None
        What is searched.
    candidates : tuple of str or None
        The methods that are compared by default; None: those of the task's row in the table.
    kind : str
        Which of the kinds of its task it is; empty where the task has none.
    checks : tuple of str
        Which claims of an answer are looked up in what was asked, as `text.claims` names them.
    """

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def title(self) -> str:
        """What people call it, where its name is short; else nothing."""
        ...

    @property
    def input(self) -> InputKind:
        """The form of its questions."""
        ...

    @property
    def answer(self) -> AnswerKind:
        """The form of its answers."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The label space; empty where answers are not labels."""
        ...

    @property
    def primary_metric(self) -> str:
        """What candidates are ranked by."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is reported."""
        ...

    @property
    def input_keys(self) -> tuple[str, ...]:
        """What a question consists of."""
        ...

    @property
    def is_ordered(self) -> bool:
        """Whether labels have an order."""
        ...

    @property
    def negative_label(self) -> str | None:
        """The label that metrics leave out."""
        ...

    @property
    def match_label(self) -> str | None:
        """The label of texts that belong together."""
        ...

    @property
    def kind(self) -> str:
        """Which of the kinds of its task it is."""
        ...

    @property
    def checks(self) -> tuple[str, ...]:
        """Which claims of an answer are looked up in what was asked."""
        ...

    @property
    def collection(self) -> "Collection | None":
        """What is searched."""
        ...

    @property
    def candidates(self) -> tuple[str, ...] | None:
        """The methods that are compared by default."""
        ...

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Learn the label space and the metrics from training rows; raises a `DataError` where rows are unfit."""
        ...

    @classmethod
    def restored(cls, facts: "TaskRecord") -> Self:
        """Give the task that a sealed model was trained for, to judge its answers to other rows."""
        ...

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows ask."""
        ...

    def targets(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows should be answered with; raises a `DataError` where a row has nothing."""
        ...

    def shown(self, target: Any) -> str | None:
        """Give a target as people read it; None: as it is."""
        ...

    def facts(self) -> dict[str, Any]:
        """Give what a report states of the task besides its name."""
        ...

    def with_rows(self, *parts: "Rows") -> Self:
        """Give the task with what further rows bring to be searched."""
        ...

    def searching(self, texts: Iterable[str]) -> Self:
        """Give the task with further texts to be searched."""
        ...


@dataclass(frozen=True)
class TaskRecord:
    """What a sealed model states of its task.

    Parameters
    ----------
    labels : tuple of str
        The label space; empty where answers are not labels.
    primary_metric : str
    input_keys : tuple of str
        What a question consists of.
    roles : tuple of str
        The roles that its training rows had; empty where that is not known.
    kind : str
        Which of the kinds of its task it is; empty where the task has none, or it is not known.
    """

    labels: tuple[str, ...]
    primary_metric: str
    input_keys: tuple[str, ...] = ("text",)
    roles: tuple[str, ...] = ()
    kind: str = ""


@runtime_checkable
class Streams(Protocol):
    """What gives a written answer piece by piece."""

    def stream(self, item: Any) -> Generator[str]:
        """Write the answer to one item; closing it ends the writing."""
        ...


class PlainTask:
    """Defaults of a task."""

    title: ClassVar[str] = ""  # For people, where the name is short: "named entity recognition".
    kinds: ClassVar[tuple[str, ...]] = ()  # Of which `--kind` states one; empty: the task has none.
    kind: str = ""
    is_ordered: ClassVar[bool] = False
    negative_label: str | None = None
    match_label: str | None = None
    collection: "Collection | None" = None

    @property
    def input(self) -> InputKind:
        """The form of its questions: texts."""
        return TEXT

    @property
    def checks(self) -> tuple[str, ...]:
        """Which claims of an answer are looked up in what was asked: none."""
        return ()

    @property
    def input_keys(self) -> tuple[str, ...]:
        """What a question consists of."""
        return self.input.keys

    @property
    def candidates(self) -> tuple[str, ...] | None:
        """The methods that are compared by default; None: those of the task's row in the table."""
        return None

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model: what its class has of labels and of a metric to rank by."""
        given: dict[str, Any] = {"labels": facts.labels, "primary_metric": facts.primary_metric}
        own = inspect.signature(cls).parameters
        if "input" in own:
            given["input"] = input_of(facts.input_keys)
        return cls(**{name: value for name, value in given.items() if name in own})

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows ask."""
        return self.input.from_rows(rows)

    def shown(self, target: Any) -> str | None:
        """Give a target as people read it; None: as it is."""
        return None

    def facts(self: Task) -> dict[str, Any]:
        """Give what a report states of the task besides its name: its labels, where it has some."""
        return {"labels": list(self.labels)} if self.labels else {}

    def with_rows(self, *parts: "Rows") -> Self:
        """Give the task with what further rows bring to be searched: nothing."""
        return self

    def searching(self, texts: Iterable[str]) -> Self:
        """Give the task with further texts to be searched: only a search has a collection."""
        return self
