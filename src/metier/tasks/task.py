"""What a task is: from rows to what a method learns, and from its answers to figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows


class Task(Protocol):
    """What is to be predicted.

    An item is what a method is asked about: a text, or a dict with the keys of `input_keys` where one text is
    not enough. A target is what it should answer. Both are values that JSON can hold, so that files, HTTP and
    Python see the same.

    Parameters
    ----------
    name : str
        As `--task` takes it.
    labels : tuple of str
        The label space; empty where answers are no labels.
    primary_metric : str
        What candidates are ranked by; one of `metrics`.
    metrics : tuple of str
        Names in the tables of `evaluation`, all of them reported.
    input_keys : tuple of str
        What a question consists of; `("text",)` where an item is one text.
    """

    name: str
    labels: tuple[str, ...]
    primary_metric: str
    metrics: tuple[str, ...]
    input_keys: tuple[str, ...]

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Learn the label space and the metrics from training rows; raises a `DataError` for rows that say no."""
        ...

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows ask."""
        ...

    def targets(self, rows: "Rows") -> Sequence[Any]:
        """Give what the rows should be answered with; raises a `DataError` where a row does not say."""
        ...
