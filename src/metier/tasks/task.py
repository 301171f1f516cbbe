"""Defaults of a task."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.tasks.contract import Task
from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.text import TEXT

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows
    from metier.tasks.collection import Collection

__all__ = ["PlainTask", "Task"]


class PlainTask:
    """Defaults of a task."""

    is_ordered: ClassVar[bool] = False
    negative_label: str | None = None
    match_label: str | None = None
    collection: "Collection | None" = None

    @property
    def input(self) -> InputKind:
        """The form of its questions: texts."""
        return TEXT

    @property
    def input_keys(self) -> tuple[str, ...]:
        """What a question consists of."""
        return self.input.keys

    @property
    def candidates(self) -> tuple[str, ...] | None:
        """The methods that are compared by default; None: those of the task's row in the table."""
        return None

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows ask."""
        return self.input.from_rows(rows)

    def shown(self, target: Any) -> str | None:
        """Give a target as people read it; None: as it is."""
        return None

    def with_rows(self, *parts: "Rows") -> Self:
        """Give the task with what further rows bring to be searched: nothing."""
        return self

    def searching(self, texts: Iterable[str]) -> Self:
        """Give the task with further texts to be searched: only a search has a collection."""
        return self
