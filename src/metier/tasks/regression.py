"""Regression: a number for a text or a pair of texts: a price, a rating with decimals, how similar two questions are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.score import SCORE, check_numbers, check_spread
from metier.tasks.inputs import PAIR, TEXT, InputKind, read_or_seen
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "regression"
METRICS = ("mae", "rmse", "spearman", "pearson")


@dataclass(frozen=True)
class Regression(PlainTask):
    """The task of giving a number to a text, to an image or both, or to a pair of texts.

    Parameters
    ----------
    input : InputKind
        Texts, images, both together, or pairs of texts.
    primary_metric : str
        What candidates are ranked by.
    """

    input: InputKind = TEXT
    primary_metric: str = "mae"

    name: ClassVar[str] = NAME
    answer: ClassVar[AnswerKind] = SCORE
    labels: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = METRICS

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Take pairs where the rows have a second text, and images where they have some, and check the numbers.

        Raises
        ------
        DataError
            If a score is missing or no finite number.
        TooFewLabelsError
            If all scores are the same.
        """
        check_spread(check_numbers(rows.values("score"), origin=rows.origin), origin=rows.origin)
        return cls(read_or_seen(rows) if rows.roles.text_pair is None else PAIR)

    def targets(self, rows: "Rows") -> list[float]:
        """Give the score of each row."""
        scores: list[float] = check_numbers(rows.values("score"), origin=rows.origin).tolist()
        return scores
