"""Whether answers say what their source does not: measures of an answer beside what was asked, not beside the truth.

For these measures the first argument is the source of each row, as one text: of a conversation all turns, of a question
its passage too. `text.claims` says what is looked up, and what it cannot see.
"""

from collections.abc import Sequence
from functools import partial

from metier.evaluation.row_statistics import RowMeasure, mean_value
from metier.evaluation.row_statistics import mean_of_rows as _mean
from metier.text.claims import CHECKS, unsupported_claims
from metier.text.claims.new_words import new_words


def has_unsupported(source: str, answer: str, *, checks: Sequence[str] = CHECKS) -> float:
    """Give 1 if an answer says a number, a name or a quotation that its source does not, else 0."""
    return float(bool(unsupported_claims(source, answer, checks=checks)))


def _of_source(measure: RowMeasure, *, higher_is_better: bool | None) -> RowMeasure:
    return RowMeasure(
        measure.name, measure.statistics, mean_value, higher_is_better=higher_is_better, takes_source=True
    )


CLAIM_MEASURES = (
    _of_source(_mean("unsupported", has_unsupported), higher_is_better=False),
    _of_source(
        _mean("unsupported_numbers", partial(has_unsupported, checks=("number",))), higher_is_better=False
    ),
    # A good summary is reworded: more new words are neither better nor worse by themselves.
    _of_source(_mean("new_words", new_words), higher_is_better=None),
)
